/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: where a waking unit runs.
 *
 * Cheap on purpose: a handful of mask operations, and one pass over the busy
 * CPUs only when no idle one will do.
 */
#include <xen/lib.h>
#include <xen/smp.h>
#include <xen/trace.h>

#include "sched_lapwing.h"

/* Of two masks the common part if there is one, else the first. */
static void lapwing_prefer(cpumask_t *mask, const cpumask_t *wish,
                           cpumask_t *tmp)
{
    cpumask_and(tmp, mask, wish);
    if ( !cpumask_empty(tmp) )
        cpumask_copy(mask, tmp);
}

static void lapwing_prefer_not(cpumask_t *mask, const cpumask_t *wish,
                               cpumask_t *tmp)
{
    cpumask_andnot(tmp, mask, wish);
    if ( !cpumask_empty(tmp) )
        cpumask_copy(mask, tmp);
}

/*
 * The class of cores a unit should be on in the present mode, NULL for any.
 * What needs a big core gets one, if the mode grants it.  What does not stays
 * where its caches and the clock are warm, unless the machine is awake so
 * much anyway that a small core saves energy.  The big cores of big.LITTLE
 * take several times the energy for the same work: there, nothing is sent to
 * them, and modes other than powersave leave units where they are.  Where
 * small cores are not to save energy (performance), background work is not
 * kept on them either.
 */
static const cpumask_t *lapwing_class(const struct lapwing_private *prv,
                                      const struct lapwing_unit *lu)
{
    bool stay = lapwing_biglittle && lapwing_mode != LAPWING_POWERSAVE;
    unsigned int big = lapwing_tune.big;

    if ( lu->util * 100 > prv->small_capacity * (big ?: 75) )
    {
        if ( stay )
            return NULL;
        return big && !lapwing_biglittle ? &prv->big : &prv->small;
    }
    if ( (prv->use_small && !stay) ||
         (lu->weight < LAPWING_WEIGHT_DEFAULT && lapwing_tune.small <= 100) )
        return &prv->small;

    return NULL;
}

/* Is a CPU of the class a unit should be on? */
bool lapwing_suits(const struct lapwing_private *prv,
                   const struct lapwing_unit *lu, unsigned int cpu)
{
    const cpumask_t *class = lapwing_class(prv, lu);

    return !class || cpumask_test_cpu(cpu, class);
}

/* Does a CPU's core run a unit that needs all of it? */
static bool lapwing_core_taken(const struct lapwing_private *prv,
                               unsigned int cpu)
{
    unsigned int other;

    for_each_cpu ( other, &prv->pcpu[cpu]->core )
        if ( prv->pcpu[other]->curr &&
             prv->pcpu[other]->curr->util > LAPWING_UTIL_MAX / 4 )
            return true;

    return false;
}

/* Without the CPUs that run a unit which needs a core for itself. */
static void lapwing_drop_taken(const struct lapwing_private *prv,
                               cpumask_t *mask)
{
    unsigned int cpu;

    for_each_cpu ( cpu, mask )
        if ( prv->pcpu[cpu]->curr &&
             prv->pcpu[cpu]->curr->util > LAPWING_UTIL_MAX / 2 )
            __cpumask_clear_cpu(cpu, mask);
}

/* The last CPU of the unit, this one which is awake anyway, or the first. */
static unsigned int lapwing_choose(const struct lapwing_unit *lu,
                                   const cpumask_t *mask)
{
    unsigned int cpu = lapwing_cpu(lu);

    if ( cpumask_test_cpu(cpu, mask) )
        return cpu;
    cpu = smp_processor_id();
    if ( cpumask_test_cpu(cpu, mask) )
        return cpu;

    return cpumask_first(mask);
}

/* So many idle CPUs are looked at. */
#define LAPWING_SLEEPERS 16

/*
 * Which of several idle CPUs to wake: the one that went idle first or last.
 * On big.LITTLE a cluster has one clock: simply the first.
 */
static unsigned int lapwing_sleeper(const struct lapwing_private *prv,
                                    const cpumask_t *mask, bool longest)
{
    unsigned int best = cpumask_first(mask), left = LAPWING_SLEEPERS, cpu;

    if ( prv->hybrid && lapwing_biglittle )
        return best;

    for_each_cpu ( cpu, mask )
    {
        s_time_t longer = prv->pcpu[best]->idle_since -
                          prv->pcpu[cpu]->idle_since;

        if ( longest ? longer > 0 : longer < 0 )
            best = cpu;
        if ( !--left )
            break;
    }

    return best;
}

/* So many busy CPUs are looked at for one to interrupt, from home on. */
#define LAPWING_VICTIMS 16

/*
 * The busy CPU whose unit is behind lu the furthest in the order of the run
 * queue, if it is far enough to be worth a switch; -1 if there is none.
 */
static int lapwing_victim(struct lapwing_private *prv, struct lapwing_unit *lu,
                          const cpumask_t *ok, s_time_t now)
{
    bool boosted = lu->flags & LAPWING_BOOSTED;
    s_time_t worst = lapwing_key(lu) + MICROSECS(lapwing_tune.slice) / 4;
    unsigned int first = cpumask_cycle(lapwing_cpu(lu), ok), cpu = first;
    unsigned int left = LAPWING_VICTIMS;
    int victim = -1;

    if ( first >= nr_cpu_ids )
        return -1;

    do {
        const struct lapwing_unit *curr = prv->pcpu[cpu]->curr;

        if ( curr && !cpumask_test_cpu(cpu, &prv->tickled) &&
             (boosted ||
              now - curr->sched_in >= MICROSECS(prv->ratelimit)) )
        {
            s_time_t key = lapwing_key(curr) +
                           (((now - curr->start) * curr->inv_weight) >> 16);

            if ( key > worst )
            {
                worst = key;
                victim = cpu;
            }
        }
        cpu = cpumask_cycle(cpu, ok);
    } while ( cpu != first && --left );

    return victim;
}

/* Spread: the best idle core first. */
static int lapwing_place_fast(struct lapwing_private *prv,
                              struct lapwing_unit *lu, cpumask_t *idle,
                              cpumask_t *tmp)
{
    const cpumask_t *class = prv->hybrid ? lapwing_class(prv, lu) : NULL;
    unsigned int cpu = lapwing_cpu(lu);

    /* Home, if no sibling there is in the way. */
    if ( cpumask_test_cpu(cpu, idle) &&
         (!class || cpumask_test_cpu(cpu, class)) &&
         (!cpumask_test_cpu(cpu, &prv->busy_cores) ||
          (prv->hybrid && !lapwing_core_taken(prv, cpu))) )
        return cpu;

    /* A small core of its own beats half of a big one. */
    lapwing_prefer_not(idle, &prv->busy_cores, tmp);
    if ( class )
        lapwing_prefer(idle, class, tmp);

    /* What needs a core is left alone where those that come often do not go. */
    if ( !prv->hybrid && lu->util > LAPWING_UTIL_MAX / 2 )
        return cpumask_first(idle);

    /*
     * The one that went idle last: its idle state is the shallowest, and those
     * that sleep long go on to do so.  Where cores differ the one that went
     * idle first: cores have clocks of their own there, and one that is used
     * in turn with others keeps a low one.
     */
    return lapwing_sleeper(prv, idle, prv->hybrid);
}

/*
 * Pack: what is awake first, then the working set, then, if the unit may not
 * wait, one more core.  -1: let it wait or preempt.
 */
static int lapwing_place_save(struct lapwing_private *prv,
                              struct lapwing_unit *lu, const cpumask_t *ok,
                              cpumask_t *idle, cpumask_t *tmp, cpumask_t *set,
                              bool force, s_time_t now)
{
    const cpumask_t *class = prv->hybrid ? lapwing_class(prv, lu) : NULL;
    int cpu = lapwing_cpu(lu);

    /*
     * Without siblings nothing that is awake can be shared, and a core is
     * woken either way: home, or the one that is least likely to be another
     * unit's home.
     */
    if ( cpumask_weight(&prv->pcpu[cpumask_first(idle)]->core) == 1 )
    {
        if ( !cpumask_test_cpu(cpu, idle) )
            cpu = lapwing_sleeper(prv, idle, true);
        lapwing_set_grow(prv, cpu, now);
        return cpu;
    }

    cpumask_and(set, idle, &prv->set);
    if ( class )
    {
        cpumask_and(tmp, set, class);
        /* A demanding unit does not settle for a small core. */
        if ( !cpumask_empty(tmp) || class == &prv->big )
            cpumask_copy(set, tmp);
    }
    if ( !cpumask_empty(set) )
    {
        if ( prv->packing )
            lapwing_prefer(set, &prv->busy_cores, tmp);
        else
            lapwing_prefer_not(set, &prv->busy_cores, tmp);
        return lapwing_choose(lu, set);
    }

    if ( !force )
    {
        /*
         * Wait only behind something that is awake and allowed, and not for
         * what needs its core.  A boosted unit gets one more core: whom it
         * interrupted would go there.
         */
        cpumask_andnot(tmp, ok, &prv->idle);
        cpumask_and(tmp, tmp, &prv->set);
        lapwing_drop_taken(prv, tmp);
        if ( !cpumask_empty(tmp) )
        {
            if ( !(lu->flags & LAPWING_BOOSTED) && lapwing_tune.wait )
                return -1;
        }
    }

    /* One more core: near what is awake, of the right class. */
    if ( class )
        lapwing_prefer(idle, class, tmp);
    if ( prv->packing )
        lapwing_prefer(idle, &prv->busy_cores, tmp);
    else
        lapwing_prefer_not(idle, &prv->busy_cores, tmp);
    lapwing_prefer(idle, &prv->busy_packages, tmp);
    cpu = cpumask_first(idle);
    lapwing_set_grow(prv, cpu, now);

    return cpu;
}

/*
 * Pack: the home of a unit is busy, but with one that will not be long.  Then
 * it waits there, rather than wake another core and leave what it has in the
 * caches, even if it is boosted.
 */
static bool lapwing_stay(struct lapwing_private *prv, struct lapwing_unit *lu,
                         const cpumask_t *ok, s_time_t now)
{
    unsigned int home = lapwing_cpu(lu);
    s_time_t most = MICROSECS(lapwing_tune.wait) / 4, left = 0;
    const struct lapwing_unit *other, *queued;
    struct lapwing_pcpu *pc;

    if ( !most || !cpumask_test_cpu(home, ok) ||
         lu->util > LAPWING_UTIL_MAX / 2 )
        return false;

    pc = prv->pcpu[home];
    other = pc->curr;
    if ( pc->next || (other && cpumask_test_cpu(home, &prv->tickled)) )
        return false;

    if ( other )
        left -= other->burst + now - other->start;
    else if ( cpumask_test_cpu(home, &prv->tickled) )
        /*
         * It is about to decide.  One that has decided already may have left
         * a paused unit queued for it, and would not look again.
         */
        list_for_each_entry ( queued, &prv->runq, elem )
            if ( queued->target == home )
                other = queued;
    if ( !other || other->util > LAPWING_UTIL_MAX / 2 ||
         left + other->burst_avg > most )
        return false;

    pc->next = lu;
    lu->flags |= LAPWING_STAYS;
    lu->target = home;
    lu->deadline = now + 2 * most;
    prv->waits++;
    TRACE_TIME(TRC_LAPWING_WAIT, lu->unit->domain->domain_id,
               lu->unit->unit_id, lu->deadline - now);

    return true;
}

/*
 * The CPU to tickle for a queued unit, or -1.  With -1 the unit may have
 * become WAITING or STAYS, with a deadline at which the caller has to come
 * again and force it.
 */
int lapwing_place(struct lapwing_private *prv, struct lapwing_unit *lu,
                  s_time_t now, bool force)
{
    const struct sched_unit *unit = lu->unit;
    cpumask_t *ok = &prv->scratch[0], *idle = &prv->scratch[1];
    cpumask_t *tmp = &prv->scratch[2], *set = &prv->scratch[3];
    bool soft = has_soft_affinity(unit);
    int cpu;

    ASSERT(spin_is_locked(&prv->lock));

    cpumask_and(ok, unit->cpu_hard_affinity,
                cpupool_domain_master_cpumask(unit->domain));
    cpumask_and(ok, ok, &prv->cpus);
    cpumask_and(idle, ok, &prv->idle);
    cpumask_andnot(idle, idle, &prv->tickled);

    if ( prv->packing && !force && lapwing_stay(prv, lu, ok, now) )
        return -1;

    if ( !cpumask_empty(idle) )
    {
        if ( unlikely(soft) )
        {
            lapwing_prefer(idle, unit->cpu_soft_affinity, tmp);
            force |= cpumask_intersects(idle, unit->cpu_soft_affinity);
        }

        /* What needs a core for itself is not packed. */
        if ( !prv->packing || lu->util > LAPWING_UTIL_MAX / 2 )
            cpu = lapwing_place_fast(prv, lu, idle, tmp);
        else
            cpu = lapwing_place_save(prv, lu, ok, idle, tmp, set, force, now);
        if ( cpu >= 0 )
        {
            lu->flags &= ~LAPWING_WAITING;
            TRACE(TRC_LAPWING_PICKED_CPU, 0, 0,
                  (unit->domain->domain_id << 16) | unit->unit_id,
                  cpu << 16);
            return cpu;
        }

        if ( !(lu->flags & LAPWING_BOOSTED) && !force )
        {
            lu->flags |= LAPWING_WAITING;
            lu->deadline = now + MICROSECS(lapwing_tune.wait);
            if ( lapwing_tune.align < lapwing_tune.wait )
                lu->deadline = lapwing_align(&lapwing_tune, lu->deadline) -
                               MICROSECS(lapwing_tune.align);
            if ( lu->deadline <= now )
                lu->deadline += MICROSECS(lapwing_tune.align);
            prv->waits++;
            TRACE_TIME(TRC_LAPWING_WAIT, unit->domain->domain_id,
                       unit->unit_id, lu->deadline - now);
        }

        /* Whom it interrupted would go to the core that is idle. */
        return -1;
    }

    cpumask_andnot(tmp, ok, &prv->idle);
    if ( unlikely(soft) )
        lapwing_prefer(tmp, unit->cpu_soft_affinity, set);

    return lapwing_victim(prv, lu, tmp, now);
}

/*
 * Should a running unit be moved to a core of another class?  Only if such a
 * core is idle, so that the move is a gain and cannot swing back and forth.
 */
bool lapwing_misplaced(struct lapwing_private *prv, struct lapwing_unit *lu,
                       const struct lapwing_pcpu *pc, s_time_t now)
{
    const cpumask_t *class = lapwing_class(prv, lu);
    cpumask_t *mask = &prv->scratch[0];

    if ( lapwing_suits(prv, lu, pc->cpu) ||
         now - lu->sched_in < LAPWING_MISFIT_PERIOD / 2 )
        return false;

    cpumask_and(mask, class, &prv->idle);
    cpumask_andnot(mask, mask, &prv->tickled);
    cpumask_andnot(mask, mask, &prv->busy_cores);
    cpumask_and(mask, mask, lu->unit->cpu_hard_affinity);
    cpumask_and(mask, mask, cpupool_domain_master_cpumask(lu->unit->domain));
    if ( has_soft_affinity(lu->unit) )
        cpumask_and(mask, mask, lu->unit->cpu_soft_affinity);

    return !cpumask_empty(mask);
}
