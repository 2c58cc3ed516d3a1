/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulator's calls for CPU pools. */
#include "machine.h"

extern const struct scheduler *__start_schedulers_array[], *__end_schedulers_array[];

int pool_add(struct cpupool *c, unsigned int cpu)
{
    int rc = schedule_cpu_add(cpu, c);

    if ( rc )
        return rc;
    cpumask_clear_cpu(cpu, &cpupool_free_cpus);
    cpumask_set_cpu(cpu, c->cpu_valid);
    cpumask_and(c->res_valid, c->cpu_valid, &sched_res_mask);
    return 0;
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
