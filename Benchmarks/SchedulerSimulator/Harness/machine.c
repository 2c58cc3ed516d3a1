/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains, virtual CPUs and notifiers: what Xen's scheduling core asks of the rest of Xen. */
#include "machine.h"

bool harness_booted;
struct domain *domain_list, *hardware_domain;
rcu_read_lock_t domlist_read_lock;
cpumask_t cpupool_free_cpus, dom0_cpus = { { ~0UL } };
bool opt_dom0_vcpus_pin, dom0_affinity_relaxed;
struct vcpu *idle_vcpu[NR_CPUS];
DEFINE_PER_CPU(struct vcpu *, curr_vcpu);
struct domain *domains[MAX_DOMAINS];
static struct domain *idle_domain;
struct cpupool pools[MAX_POOLS];
static struct notifier_block *notifiers[8];
static unsigned int notifier_count;

void publish(void)
{
    unsigned int cpu = harness_cpu;
    struct sim_cpu *out = &harness_state.cpu[cpu];
    const struct vcpu *v = per_cpu(curr_vcpu, cpu);
    int domain = v && !is_idle_vcpu(v) ? v->domain->domain_id : -1;
    int id = domain < 0 ? 0 : v->vcpu_id;

    if ( out->domain != domain || out->vcpu != id )
        harness_state.dirty |= 1UL << cpu;
    out->domain = domain;
    out->vcpu = id;
    out->urgent = atomic_read(&per_cpu(sched_urgent_count, cpu));
}

void register_cpu_notifier(struct notifier_block *b)
{
    BUG_ON(notifier_count >= ARRAY_SIZE(notifiers));
    notifiers[notifier_count++] = b;
}

int notify(unsigned long action, unsigned int cpu)
{
    unsigned int i;
    int rc = 0;

    for ( i = 0; i < notifier_count && !rc; i++ )
        rc = notifiers[i]->notifier_call(notifiers[i], action, (void *)(unsigned long)cpu);
    return rc;
}

unsigned int cpupool_get_granularity(const struct cpupool *c) { return c ? c->sched_gran : 1; }
struct cpupool *cpupool_get_by_id(unsigned int id) { return id < MAX_POOLS && pools[id].sched ? &pools[id] : NULL; }
void cpupool_put(struct cpupool *c) {}

int cpupool_add_domain(struct domain *d, unsigned int id)
{
    struct cpupool *c = cpupool_get_by_id(id);

    if ( !c || cpumask_empty(c->cpu_valid) )
        return -ENODEV;
    d->cpupool = c;
    c->n_dom++;
    return 0;
}

void cpupool_rm_domain(struct domain *d)
{
    d->cpupool->n_dom--;
    d->cpupool = NULL;
}

struct domain *rcu_lock_domain_by_id(domid_t id) { return id < MAX_DOMAINS ? domains[id] : NULL; }
int domain_shutdown(struct domain *d, uint8_t reason) { d->is_shutting_down = true; return 0; }
int xenctl_bitmap_to_bitmap(unsigned long *d, const struct xenctl_bitmap *s, unsigned int bits) { return -EOPNOTSUPP; }
int cpumask_to_xenctl_bitmap(struct xenctl_bitmap *d, const cpumask_t *s) { return -EOPNOTSUPP; }

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = xzalloc(struct vcpu);

    v->domain = d;
    v->vcpu_id = id;
    if ( is_idle_domain(d) )
        v->runstate.state = v->new_state = RUNSTATE_running;
    else
    {
        v->runstate.state = RUNSTATE_offline;
        set_bit(_VPF_down, &v->pause_flags);
    }
    v->runstate.state_entry_time = NOW();
    if ( sched_init_vcpu(v) )
    {
        xfree(v);
        return NULL;
    }
    d->vcpu[id] = v;
    if ( id )
    {
        v->next_in_list = d->vcpu[id - 1]->next_in_list;
        d->vcpu[id - 1]->next_in_list = v;
    }
    return v;
}

/* Called by the core for the idle domain only. */
struct domain *domain_create(domid_t id, const void *config, unsigned int flags)
{
    struct domain *d = xzalloc(struct domain);

    BUG_ON(id != DOMID_IDLE);
    d->domain_id = id;
    idle_domain = d;
    return d;
}

void vcpu_pause_nosync(struct vcpu *v)
{
    atomic_inc(&v->pause_count);
    vcpu_sleep_nosync(v);
}

void vcpu_pause(struct vcpu *v) { vcpu_pause_nosync(v); }

void vcpu_unpause(struct vcpu *v)
{
    if ( atomic_dec_and_test(&v->pause_count) )
        vcpu_wake(v);
}

void settle(void)
{
    unsigned int self = harness_cpu, cpu, rounds;
    bool again = true;

    for ( rounds = 0; again && rounds < 16; rounds++ )
    {
        again = false;
        for_each_cpu ( cpu, &cpu_online_map )
        {
            const struct vcpu *v = per_cpu(curr_vcpu, cpu);

            if ( !is_idle_vcpu(v) && !vcpu_runnable(v) && harness_state.cpu[cpu].pending )
            {
                harness_cpu = cpu;
                harness_softirqs();
                publish();
                again = true;
            }
        }
    }
    harness_cpu = self;
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    atomic_inc(&d->pause_count);
    for_each_vcpu ( d, v )
        vcpu_sleep_nosync(v);
    settle();
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    if ( atomic_dec_and_test(&d->pause_count) )
        for_each_vcpu ( d, v )
            vcpu_wake(v);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    this_cpu(curr_vcpu) = next;
    sched_context_switched(prev, next);
}

void send_timer_event(struct vcpu *v)
{
    unsigned int n = harness_state.fired;

    if ( n < ARRAY_SIZE(harness_state.fired_list) )
    {
        harness_state.fired_list[n].domain = v->domain->domain_id;
        harness_state.fired_list[n].vcpu = v->vcpu_id;
        harness_state.fired = n + 1;
    }
    vcpu_unblock(v);
}
