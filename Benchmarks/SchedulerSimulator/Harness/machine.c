/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains, virtual CPUs and CPU pools around Xen's scheduling core, and the calls the simulator makes. */
#include <setjmp.h>
#include <time.h>
#include "harness.h"
#include "private.h"
#include "api.h"

#define EXPORT __attribute__((visibility("default")))
#define MAX_DOMAINS 64
#define MAX_POOLS 4

extern struct sim_state harness_state;
extern jmp_buf harness_escape;
extern bool harness_inside, harness_dead;
extern const struct scheduler *__start_schedulers_array[], *__end_schedulers_array[];
extern int (*const harness_initcalls_start[])(void), (*const harness_initcalls_end[])(void);
void harness_softirqs(void);
void harness_timers(void);
void harness_seed(unsigned int seed);

bool harness_booted;
struct domain *domain_list, *hardware_domain;
rcu_read_lock_t domlist_read_lock;
cpumask_t cpupool_free_cpus, dom0_cpus = { { ~0UL } };
bool opt_dom0_vcpus_pin, dom0_affinity_relaxed;
struct vcpu *idle_vcpu[NR_CPUS];
DEFINE_PER_CPU(struct vcpu *, curr_vcpu);
static struct domain *domains[MAX_DOMAINS], *idle_domain;
static struct cpupool pools[MAX_POOLS];
static struct notifier_block *notifiers[8];
static unsigned int notifier_count;
static bool measuring;

/* Every call of the simulator enters here; a death of Xen's code comes back as SIM_DIED. */
#define ENTER() do { \
    if ( harness_dead ) return SIM_DIED; \
    harness_inside = true; \
    harness_irqs = 1; \
    if ( setjmp(harness_escape) ) { harness_inside = false; return SIM_DIED; } } while ( 0 )
#define LEAVE(result) do { int result_ = (result); harness_inside = false; publish(); return result_; } while ( 0 )

static void publish(void)
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

static uint64_t nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* What reading the clock twice costs by itself; measured once and taken off every measurement. */
static uint64_t clock_cost = UINT64_MAX;

static uint64_t since(uint64_t start)
{
    uint64_t spent = nanoseconds() - start;

    if ( clock_cost == UINT64_MAX )
    {
        unsigned int i;

        for ( i = 0; i < 2000; i++ )
        {
            uint64_t begin = nanoseconds(), cost = nanoseconds() - begin;

            clock_cost = cost < clock_cost ? cost : clock_cost;
        }
    }
    return spent > clock_cost ? spent - clock_cost : 0;
}

/* ---- what Xen's core asks of the rest of Xen ---- */

void register_cpu_notifier(struct notifier_block *b)
{
    BUG_ON(notifier_count >= ARRAY_SIZE(notifiers));
    notifiers[notifier_count++] = b;
}

static int notify(unsigned long action, unsigned int cpu)
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

/* Makes every CPU that runs something which must stop go through its softirqs, as an IPI would. */
static void settle(void)
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

/* ---- the calls ---- */

EXPORT struct sim_state *sim_state(void) { return &harness_state; }
EXPORT void sim_time(int64_t now, uint32_t cpu) { harness_now = now; harness_cpu = cpu; }
EXPORT const char *sim_scheduler(void) { return scheduler_get_default()->opt_name; }

static int pool_add(struct cpupool *c, unsigned int cpu)
{
    int rc = schedule_cpu_add(cpu, c);

    if ( rc )
        return rc;
    cpumask_clear_cpu(cpu, &cpupool_free_cpus);
    cpumask_set_cpu(cpu, c->cpu_valid);
    cpumask_and(c->res_valid, c->cpu_valid, &sched_res_mask);
    return 0;
}

EXPORT int sim_boot(const struct sim_topology *cpus, uint32_t count, uint32_t seed, int trace, int measure)
{
    unsigned int i, j;
    int (*const *call)(void);

    ENTER();
    if ( harness_booted || !count || count > NR_CPUS )
        LEAVE(-EINVAL);
    nr_cpu_ids = count;
    harness_seed(seed);
    for ( i = 0; i < count; i++ )
    {
        harness_cpumask_of[i].bits[0] = 1UL << i;
        harness_state.cpu[i].deadline = INT64_MAX;
        harness_state.cpu[i].domain = -1;
        cpu_data[i].cpu_core_id = cpus[i].core;
        cpu_data[i].phys_proc_id = cpus[i].package;
        for ( j = 0; j < count; j++ )
        {
            if ( cpus[j].package != cpus[i].package )
                continue;
            cpumask_set_cpu(j, per_cpu(cpu_core_mask, i));
            if ( cpus[j].core == cpus[i].core )
                cpumask_set_cpu(j, per_cpu(cpu_sibling_mask, i));
        }
        cpu_data[i].x86_num_siblings = cpumask_weight(per_cpu(cpu_sibling_mask, i));
        cpumask_set_cpu(i, &cpu_present_map);
        cpumask_set_cpu(i, &cpu_possible_map);
        cpumask_set_cpu(i, &harness_node_cpus);
    }
    boot_cpu_data = cpu_data[0];
    harness_cpu = 0;
    cpumask_set_cpu(0, &cpu_online_map);
    tb_init_done = trace;
    measuring = measure;
    scheduler_init();
    this_cpu(curr_vcpu) = idle_vcpu[0];
    for ( call = harness_initcalls_start; call < harness_initcalls_end; call++ )
        (*call)();
    for ( i = 1; i < count; i++ )
    {
        if ( notify(CPU_UP_PREPARE, i) )
            LEAVE(-ENOMEM);
        per_cpu(curr_vcpu, i) = idle_vcpu[i];
        harness_cpu = i;
        notify(CPU_STARTING, i);
        cpumask_set_cpu(i, &cpu_online_map);
        harness_cpu = 0;
        notify(CPU_ONLINE, i);
    }
    pools[0].sched = scheduler_get_default();
    pools[0].sched->cpupool = &pools[0];
    pools[0].gran = SCHED_GRAN_cpu;
    pools[0].sched_gran = 1;
    for ( i = 0; i < count; i++ )
        cpumask_set_cpu(i, &cpupool_free_cpus);
    for ( i = 0; i < count; i++ )
        if ( pool_add(&pools[0], i) )
            LEAVE(-ENODEV);
    for ( i = count; i-- > 0; )
    {
        harness_cpu = i;
        harness_softirqs();
        publish();
    }
    system_state = SYS_STATE_active;
    harness_booted = true;
    LEAVE(0);
}

static struct vcpu *find_vcpu(unsigned int domain, unsigned int vcpu)
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

EXPORT int sim_wake(uint32_t domain, uint32_t vcpu)
{
    struct vcpu *v;
    uint64_t start = 0;

    ENTER();
    if ( !(v = find_vcpu(domain, vcpu)) )
        LEAVE(-ESRCH);
    if ( measuring )
        start = nanoseconds();
    vcpu_unblock(v);
    if ( measuring )
    {
        harness_state.wake_nanoseconds += since(start);
        harness_state.wake_calls++;
    }
    LEAVE(0);
}

EXPORT int sim_block(void)
{
    ENTER();
    if ( is_idle_vcpu(current) )
        LEAVE(-EINVAL);
    vcpu_block();
    LEAVE(0);
}

EXPORT int sim_yield(void)
{
    ENTER();
    if ( is_idle_vcpu(current) )
        LEAVE(-EINVAL);
    vcpu_yield();
    LEAVE(0);
}

EXPORT int sim_guest_timer(uint32_t domain, uint32_t vcpu, int64_t when)
{
    struct vcpu *v;

    ENTER();
    if ( !(v = find_vcpu(domain, vcpu)) )
        LEAVE(-ESRCH);
    if ( when == INT64_MAX )
        stop_timer(&v->singleshot_timer);
    else
    {
        migrate_timer(&v->singleshot_timer, harness_cpu);
        set_timer(&v->singleshot_timer, when);
    }
    LEAVE(0);
}

EXPORT int sim_timer_interrupt(void)
{
    ENTER();
    raise_softirq(TIMER_SOFTIRQ);
    LEAVE(0);
}

EXPORT int sim_softirqs(void)
{
    uint64_t start = 0;
    bool decides = harness_state.cpu[harness_cpu].pending & (1U << SCHEDULE_SOFTIRQ);

    ENTER();
    harness_state.fired = 0;
    if ( measuring )
        start = nanoseconds();
    harness_softirqs();
    if ( measuring && decides )
    {
        harness_state.schedule_nanoseconds += since(start);
        harness_state.schedule_calls++;
    }
    LEAVE(0);
}

EXPORT int sim_pool_create(uint32_t id, const char *scheduler)
{
    const struct scheduler **s;
    struct scheduler *copy;
    int rc;

    ENTER();
    if ( !id || id >= MAX_POOLS || pools[id].sched )
        LEAVE(-EINVAL);
    /* Xen picks by id and so takes the first of two with one id; here the name decides. */
    for ( s = __start_schedulers_array; s < __end_schedulers_array; s++ )
        if ( *s && !strcmp((*s)->opt_name, scheduler) )
            break;
    if ( s == __end_schedulers_array )
        LEAVE(-ENOENT);
    copy = xzalloc(struct scheduler);
    *copy = **s;
    pools[id].cpupool_id = id;
    pools[id].gran = SCHED_GRAN_cpu;
    pools[id].sched_gran = 1;
    copy->cpupool = &pools[id];
    if ( (rc = sched_init(copy)) )
        LEAVE(rc);
    pools[id].sched = copy;
    LEAVE(0);
}

EXPORT int sim_pool_add(uint32_t id, uint32_t cpu)
{
    struct cpupool *c;

    ENTER();
    c = cpupool_get_by_id(id);
    if ( !c || cpu >= nr_cpu_ids || !cpumask_test_cpu(cpu, &cpupool_free_cpus) )
        LEAVE(-EINVAL);
    LEAVE(pool_add(c, cpu));
}

EXPORT int sim_pool_remove(uint32_t id, uint32_t cpu)
{
    struct cpupool *c;
    int rc, tries;

    ENTER();
    c = cpupool_get_by_id(id);
    if ( !c || cpu >= nr_cpu_ids || !cpumask_test_cpu(cpu, c->cpu_valid) || cpumask_weight(c->cpu_valid) == 1 )
        LEAVE(-EINVAL);
    cpumask_clear_cpu(cpu, c->cpu_valid);
    cpumask_and(c->res_valid, c->cpu_valid, &sched_res_mask);
    for ( tries = 0, rc = -EAGAIN; rc == -EAGAIN && tries < 8; tries++ )
    {
        rc = cpu_disable_scheduler(cpu);
        settle();
    }
    cpumask_set_cpu(cpu, &cpupool_free_cpus);
    /*
     * The CPU must be idle before it leaves: what it ran has been sent away. It goes through the scheduler once more,
     * from idle to idle: schedule_cpu_rm() writes through the idle unit's next_task, which would otherwise still be
     * what the CPU ran last, and that may have been freed with its domain.
     */
    harness_cpu = cpu;
    raise_softirq(SCHEDULE_SOFTIRQ);
    harness_softirqs();
    publish();
    if ( !rc )
        rc = is_idle_vcpu(current) ? schedule_cpu_rm(cpu, NULL) : -EBUSY;
    if ( rc )
    {
        cpumask_clear_cpu(cpu, &cpupool_free_cpus);
        cpumask_set_cpu(cpu, c->cpu_valid);
        cpumask_and(c->res_valid, c->cpu_valid, &sched_res_mask);
    }
    LEAVE(rc);
}

/* What must hold between two calls, whatever was done. */
EXPORT int sim_check(void)
{
    struct domain *d;
    struct vcpu *v;

    ENTER();
    for_each_domain ( d )
        for_each_vcpu ( d, v )
        {
            const struct sched_unit *unit = v->sched_unit;

            if ( v->processor != (int)unit->res->master_cpu || unit->res->cpupool != d->cpupool ||
                 (unit->is_running && unit->res->curr != unit && unit->res->prev != unit) )
            {
                harness_printk("%pv is on CPU %d, its unit on CPU %u of pool %d, its domain in pool %d, running %d, flags %lx\n",
                               v, v->processor, unit->res->master_cpu,
                               unit->res->cpupool ? (int)unit->res->cpupool->cpupool_id : -1,
                               (int)d->cpupool->cpupool_id, unit->is_running, v->pause_flags);
                LEAVE(-EIO);
            }
        }
    LEAVE(0);
}

EXPORT int sim_dump(void)
{
    ENTER();
    schedule_dump(&pools[0]);
    LEAVE(0);
}
