/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulator's calls that make a machine run: boot, wake, block, timers, softirqs, and looks at its state. */
#include <time.h>
#include "machine.h"

extern int (*const harness_initcalls_start[])(void), (*const harness_initcalls_end[])(void);

static bool measuring;

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

EXPORT struct sim_state *sim_state(void) { return &harness_state; }
EXPORT void sim_time(int64_t now, uint32_t cpu) { harness_now = now; harness_cpu = cpu; }
EXPORT const char *sim_scheduler(void) { return scheduler_get_default()->opt_name; }

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
