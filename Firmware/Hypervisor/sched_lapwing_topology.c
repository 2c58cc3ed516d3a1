/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: which CPUs form a core and a package, which cores are small, which
 * are awake, and which belong to the working set.
 *
 * The working set is the cores that waking units may wake at once.  It grows
 * when a unit had to wait too long (or may not wait at all) and loses cores
 * that went unused for the time "settle": the cores outside of it sleep
 * long enough for their deep idle states.
 */
#include <xen/lib.h>
#include <xen/trace.h>

#include "sched_lapwing.h"

/* Derive all masks anew, after a CPU came or went or a capacity changed. */
void lapwing_rebuild(struct lapwing_private *prv)
{
    unsigned int cpu, least = LAPWING_CAPACITY_MAX, most = 1, probed = 0;

    ASSERT(spin_is_locked(&prv->lock));

    cpumask_clear(&prv->busy_cores);
    cpumask_clear(&prv->busy_packages);
    cpumask_clear(&prv->small);
    cpumask_clear(&prv->big);
    prv->nr_cpus = cpumask_weight(&prv->cpus);

    for_each_cpu ( cpu, &prv->cpus )
        probed = max(probed, prv->pcpu[cpu]->probed_capacity);

    for_each_cpu ( cpu, &prv->cpus )
    {
        struct lapwing_pcpu *pc = prv->pcpu[cpu];
        unsigned int other;

        cpumask_and(&pc->core, per_cpu(cpu_sibling_mask, cpu), &prv->cpus);
        __cpumask_set_cpu(cpu, &pc->core);
        cpumask_clear(&pc->package);
        for_each_cpu ( other, &prv->cpus )
            if ( cpu_to_socket(other) == cpu_to_socket(cpu) )
                __cpumask_set_cpu(other, &pc->package);

        /* Given for this CPU or a sibling, else read from it, else full. */
        pc->capacity = lapwing_capacity_of(cpu);
        for_each_cpu ( other, &pc->core )
            if ( !pc->capacity )
                pc->capacity = lapwing_capacity_of(other);
        if ( !pc->capacity )
            pc->capacity = pc->probed_capacity
                           ? pc->probed_capacity * LAPWING_CAPACITY_MAX /
                             probed
                           : LAPWING_CAPACITY_MAX;
        least = min(least, pc->capacity);
        most = max(most, pc->capacity);
    }

    /*
     * Small is less than three quarters of the best: firmware also ranks
     * cores of one kind, by 15 % and more.
     */
    prv->hybrid = least * 4 < most * 3;
    prv->small_capacity = LAPWING_CAPACITY_MAX;
    for_each_cpu ( cpu, &prv->cpus )
    {
        struct lapwing_pcpu *pc = prv->pcpu[cpu];

        if ( pc->capacity * 4 < most * 3 )
        {
            __cpumask_set_cpu(cpu, &prv->small);
            prv->small_capacity = min(prv->small_capacity, pc->capacity);
        }
        else
            __cpumask_set_cpu(cpu, &prv->big);
        if ( !pc->idle )
        {
            cpumask_or(&prv->busy_cores, &prv->busy_cores, &pc->core);
            cpumask_or(&prv->busy_packages, &prv->busy_packages,
                       &pc->package);
        }
    }

    cpumask_and(&prv->idle, &prv->idle, &prv->cpus);
    cpumask_and(&prv->tickled, &prv->tickled, &prv->cpus);
    cpumask_and(&prv->used, &prv->used, &prv->cpus);
    cpumask_and(&prv->set, &prv->set, &prv->cpus);
    if ( cpumask_empty(&prv->set) && prv->nr_cpus )
    {
        cpu = cpumask_first(prv->hybrid ? &prv->small : &prv->cpus);
        cpumask_copy(&prv->set, &prv->pcpu[cpu]->core);
    }
}

/*
 * Follow how many CPUs are busy, over the last second, and how long any is,
 * over the last 67 ms, and choose between packing and spreading and between
 * the classes of cores, each with a band in which the last choice stays.
 * Packing pays for a steady load only: a burst is over sooner when spread.
 */
static void lapwing_follow(struct lapwing_private *prv, int change,
                           s_time_t now)
{
    s_time_t length = min(now - prv->avg_at, (s_time_t)1 << 26);
    int busy = prv->nr_busy * 1024, awake = prv->nr_busy ? 1024 : 0;
    unsigned int pack = lapwing_tune.pack * 65536 / 100;
    unsigned int small = lapwing_tune.small * 1024 / 100;

    if ( length > 0 )
    {
        prv->busy_avg += ((busy * 64 - (int)prv->busy_avg) * length) >> 30;
        prv->awake_avg += ((awake - (int)prv->awake_avg) * length) >> 26;
        prv->avg_at = now;
    }
    prv->nr_busy += change;

    /* Where there are small cores, using those is the packing. */
    if ( prv->hybrid )
        prv->packing = false;
    else if ( prv->busy_avg >= pack )
        prv->packing = true;
    else if ( prv->busy_avg < pack - pack / 4 )
        prv->packing = false;
    if ( prv->awake_avg >= small )
        prv->use_small = true;
    else if ( prv->awake_avg < small - small / 4 )
        prv->use_small = false;
}

void lapwing_cpu_busy(struct lapwing_private *prv, struct lapwing_pcpu *pc,
                      s_time_t now)
{
    s_time_t slept = now - pc->idle_since;
    unsigned int bucket = 3;

    if ( !pc->idle )
        return;

    lapwing_follow(prv, 1, now);
    pc->idle = false;
    pc->wakeups++;
    pc->idle_time += slept;
    if ( slept < MICROSECS(100) )
        bucket = 0;
    else if ( slept < MILLISECS(1) )
        bucket = 1;
    else if ( slept < MILLISECS(10) )
        bucket = 2;
    pc->idle_len[bucket]++;

    __cpumask_clear_cpu(pc->cpu, &prv->idle);
    cpumask_or(&prv->busy_cores, &prv->busy_cores, &pc->core);
    cpumask_or(&prv->busy_packages, &prv->busy_packages, &pc->package);
    cpumask_or(&prv->used, &prv->used, &pc->core);
}

void lapwing_cpu_idle(struct lapwing_private *prv, struct lapwing_pcpu *pc,
                      s_time_t now, bool tasklet)
{
    if ( !pc->idle )
    {
        lapwing_follow(prv, -1, now);
        pc->idle = true;
        pc->idle_since = now;
        lapwing_set_shrink(prv, now);
    }

    /* With a tasklet to run it is not there for units. */
    if ( unlikely(tasklet) )
        __cpumask_clear_cpu(pc->cpu, &prv->idle);
    else
        __cpumask_set_cpu(pc->cpu, &prv->idle);

    cpumask_andnot(&prv->scratch[0], &pc->core, &prv->idle);
    if ( cpumask_empty(&prv->scratch[0]) )
        cpumask_andnot(&prv->busy_cores, &prv->busy_cores, &pc->core);
    if ( !cpumask_intersects(&prv->busy_cores, &pc->package) )
        cpumask_andnot(&prv->busy_packages, &prv->busy_packages,
                       &pc->package);
}

void lapwing_set_grow(struct lapwing_private *prv, unsigned int cpu,
                      s_time_t now)
{
    if ( cpumask_test_cpu(cpu, &prv->set) )
        return;

    cpumask_or(&prv->set, &prv->set, &prv->pcpu[cpu]->core);
    prv->grows++;
    prv->set_next = now + MICROSECS(lapwing_tune.settle);
    TRACE_TIME(TRC_LAPWING_SET, cpu, cpumask_weight(&prv->set));
}

void lapwing_set_shrink(struct lapwing_private *prv, s_time_t now)
{
    unsigned int cpu;

    if ( now < prv->set_next )
        return;

    prv->set_next = now + MICROSECS(lapwing_tune.settle);
    cpumask_or(&prv->used, &prv->used, &prv->busy_cores);
    cpumask_and(&prv->scratch[0], &prv->set, &prv->used);
    cpumask_copy(&prv->used, &prv->busy_cores);

    if ( cpumask_empty(&prv->scratch[0]) )
    {
        if ( cpumask_empty(&prv->set) )
            return;
        /* One core stays, the first. */
        cpu = cpumask_first(&prv->set);
        cpumask_copy(&prv->scratch[0], &prv->pcpu[cpu]->core);
    }
    if ( cpumask_equal(&prv->scratch[0], &prv->set) )
        return;

    cpumask_copy(&prv->set, &prv->scratch[0]);
    prv->shrinks++;
    TRACE_TIME(TRC_LAPWING_SET, nr_cpu_ids, cpumask_weight(&prv->set));
}
