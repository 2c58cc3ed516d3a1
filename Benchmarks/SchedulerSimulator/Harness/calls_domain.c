/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulator's calls for domains and their virtual CPUs. */
#include "machine.h"

struct vcpu *find_vcpu(unsigned int domain, unsigned int vcpu)
{
    struct domain *d = domain < MAX_DOMAINS ? domains[domain] : NULL;

    return d && vcpu < d->max_vcpus ? d->vcpu[vcpu] : NULL;
}

static int adjust(struct domain *d, unsigned int weight, unsigned int cap)
{
    struct xen_domctl_scheduler_op op = { .sched_id = d->cpupool->sched->sched_id, .cmd = XEN_DOMCTL_SCHEDOP_putinfo };

    if ( op.sched_id == XEN_SCHEDULER_CREDIT )
    {
        op.u.credit.weight = weight;
        op.u.credit.cap = cap;
    }
    else
    {
        op.u.credit2.weight = weight;
        op.u.credit2.cap = cap;
    }
    return sched_adjust(d, &op);
}

EXPORT int sim_domain_create(uint32_t id, uint32_t vcpus, uint32_t weight, uint32_t cap, uint32_t pool)
{
    struct domain *d, **at;
    unsigned int i;
    int rc;

    ENTER();
    if ( id >= MAX_DOMAINS || domains[id] || !vcpus )
        LEAVE(-EINVAL);
    d = xzalloc(struct domain);
    d->domain_id = id;
    d->max_vcpus = vcpus;
    d->vcpu = xzalloc_array(struct vcpu *, vcpus);
    d->auto_node_affinity = true;
    d->node_affinity.bits[0] = 1;
    d->shutdown_code = SHUTDOWN_CODE_INVALID;
    if ( (rc = sched_init_domain(d, pool)) )
    {
        xfree(d->vcpu);
        xfree(d);
        LEAVE(rc);
    }
    domains[id] = d;
    for ( at = &domain_list; *at && (*at)->domain_id < id; at = &(*at)->next_in_list )
        ;
    d->next_in_list = *at;
    *at = d;
    if ( !id )
        hardware_domain = d;
    for ( i = 0; i < vcpus; i++ )
        if ( !vcpu_create(d, i) )
            LEAVE(-ENOMEM);
    domain_update_node_affinity(d);
    if ( (rc = adjust(d, weight, cap)) )
        LEAVE(rc);
    /* A guest's vCPU sleeps until it is first woken. */
    for ( i = 0; i < vcpus; i++ )
    {
        set_bit(_VPF_blocked, &d->vcpu[i]->pause_flags);
        clear_bit(_VPF_down, &d->vcpu[i]->pause_flags);
        d->vcpu[i]->is_initialised = true;
    }
    LEAVE(0);
}

EXPORT int sim_domain_destroy(uint32_t id)
{
    struct domain *d, **at;
    int i;

    ENTER();
    if ( id >= MAX_DOMAINS || !(d = domains[id]) )
        LEAVE(-ESRCH);
    d->is_dying = true;
    domain_pause(d);
    for ( i = d->max_vcpus; i-- > 0; )
        if ( d->vcpu[i]->is_running )
            LEAVE(-EBUSY);
    domains[id] = NULL;
    for ( at = &domain_list; *at != d; at = &(*at)->next_in_list )
        ;
    *at = d->next_in_list;
    for ( i = d->max_vcpus; i-- > 0; )
    {
        struct vcpu *v = d->vcpu[i];

        sched_destroy_vcpu(v);
        d->vcpu[i] = NULL;
        if ( i )
            d->vcpu[i - 1]->next_in_list = NULL;
        xfree(v);
    }
    sched_destroy_domain(d);
    xfree(d->vcpu);
    xfree(d);
    LEAVE(0);
}

EXPORT int sim_domain_adjust(uint32_t id, uint32_t weight, uint32_t cap)
{
    ENTER();
    LEAVE(id < MAX_DOMAINS && domains[id] ? adjust(domains[id], weight, cap) : -ESRCH);
}

EXPORT int sim_domain_pause(uint32_t id, int pause)
{
    ENTER();
    if ( id >= MAX_DOMAINS || !domains[id] )
        LEAVE(-ESRCH);
    if ( pause )
        domain_pause(domains[id]);
    else
        domain_unpause(domains[id]);
    LEAVE(0);
}

EXPORT int sim_domain_pool(uint32_t id, uint32_t pool)
{
    struct cpupool *c;
    int rc;

    ENTER();
    c = cpupool_get_by_id(pool);
    if ( id >= MAX_DOMAINS || !domains[id] || !c || cpumask_empty(c->cpu_valid) )
        LEAVE(-ESRCH);
    if ( domains[id]->cpupool == c )
        LEAVE(0);
    domains[id]->cpupool->n_dom--;
    rc = sched_move_domain(domains[id], c);
    domains[id]->cpupool->n_dom++;
    LEAVE(rc);
}

EXPORT int sim_vcpu_affinity(uint32_t domain, uint32_t vcpu, uint64_t hard, uint64_t soft)
{
    /* Only the hard affinity has a call of its own outside a domctl; the soft one is set as the domctl does. */
    struct vcpu *v;
    cpumask_t mask;
    int rc = 0;

    ENTER();
    if ( !(v = find_vcpu(domain, vcpu)) )
        LEAVE(-ESRCH);
    if ( soft )
    {
        struct sched_unit *unit = v->sched_unit;
        spinlock_t *lock = unit_schedule_lock_irq(unit);
        cpumask_t wanted = { { soft } };

        sched_adjust_affinity(unit->domain->cpupool->sched, unit, NULL, &wanted);
        cpumask_copy(unit->cpu_soft_affinity, &wanted);
        unit->soft_aff_effective = !cpumask_subset(unit->cpu_hard_affinity, &wanted) &&
                                   cpumask_intersects(&wanted, unit->cpu_hard_affinity);
        unit_schedule_unlock_irq(lock, unit);
    }
    mask.bits[0] = hard ? hard : v->sched_unit->cpu_hard_affinity->bits[0];
    rc = vcpu_set_hard_affinity(v, &mask);
    settle();
    LEAVE(rc);
}

EXPORT int sim_vcpu_online(uint32_t domain, uint32_t vcpu, int online)
{
    struct vcpu *v;

    ENTER();
    if ( !(v = find_vcpu(domain, vcpu)) )
        LEAVE(-ESRCH);
    if ( online )
    {
        if ( test_and_clear_bit(_VPF_down, &v->pause_flags) )
            vcpu_wake(v);
    }
    else if ( !test_and_set_bit(_VPF_down, &v->pause_flags) )
    {
        vcpu_sleep_nosync(v);
        settle();
    }
    LEAVE(0);
}

EXPORT int sim_vcpu_processor(uint32_t domain, uint32_t vcpu)
{
    const struct vcpu *v = find_vcpu(domain, vcpu);

    return v ? v->processor : -ESRCH;
}

EXPORT int64_t sim_vcpu_runtime(uint32_t domain, uint32_t vcpu, uint32_t state)
{
    const struct vcpu *v = find_vcpu(domain, vcpu);
    struct vcpu_runstate_info info;

    if ( !v || state > 3 )
        return -ESRCH;
    vcpu_runstate_get(v, &info);
    return info.time[state];
}
