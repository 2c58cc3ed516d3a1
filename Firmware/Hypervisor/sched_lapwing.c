/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: a power-aware scheduler for client machines.
 *
 * All CPUs of a cpupool share one run queue and one lock: the decisions that
 * save energy (which cores may stay asleep) need the view over all of them.
 * Units are ordered by virtual time, that is CPU time over weight; a unit
 * that wakes and sleeps often goes ahead of its share for a bounded time.
 *
 * This file holds the hooks of the hot path: wake, sleep, and what runs next.
 */
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/softirq.h>
#include <xen/trace.h>

#include "sched_lapwing_hooks.h"

void cf_check lapwing_wake(const struct scheduler *ops, struct sched_unit *unit)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_unit *lu = lapwing_unit(unit);
    s_time_t now;

    ASSERT(!is_idle_unit(unit));

    if ( unlikely(curr_on_cpu(lapwing_cpu(lu)) == unit) )
    {
        SCHED_STAT_CRANK(unit_wake_running);
        return;
    }
    if ( unlikely(lu->flags & (LAPWING_QUEUED | LAPWING_PARKED)) )
    {
        SCHED_STAT_CRANK(unit_wake_onrunq);
        return;
    }

    now = NOW();
    prv->wakes++;
    lapwing_account_wake(prv, lu, now);

    if ( unlikely(lu->flags & LAPWING_ON_CPU) )
        lu->flags |= LAPWING_REQUEUE;
    else
        lapwing_enqueue(prv, lu, now);
}

void cf_check lapwing_sleep(const struct scheduler *ops,
                            struct sched_unit *unit)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_unit *lu = lapwing_unit(unit);

    ASSERT(!is_idle_unit(unit));
    SCHED_STAT_CRANK(unit_sleep);

    if ( curr_on_cpu(lapwing_cpu(lu)) == unit )
        cpu_raise_softirq(lapwing_cpu(lu), SCHEDULE_SOFTIRQ);
    else
    {
        if ( lu->flags & (LAPWING_QUEUED | LAPWING_PARKED) )
            lapwing_account_sleep(prv, lu, NOW());
        lapwing_dequeue(prv, lu);
        lu->flags &= ~LAPWING_REQUEUE;
    }
}

void cf_check lapwing_yield(const struct scheduler *ops,
                            struct sched_unit *unit)
{
    lapwing_unit(unit)->flags |= LAPWING_YIELDED;
}

void cf_check lapwing_context_saved(const struct scheduler *ops,
                                    struct sched_unit *unit)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_unit *lu;
    spinlock_t *lock;

    /* An idle unit is in no queue, and its data may be another scheduler's. */
    if ( is_idle_unit(unit) )
        return;

    lock = unit_schedule_lock_irq(unit);
    lu = lapwing_unit(unit);

    ASSERT(lu->flags & LAPWING_ON_CPU);
    lu->flags &= ~LAPWING_ON_CPU;
    if ( lu->flags & LAPWING_REQUEUE )
    {
        lu->flags &= ~LAPWING_REQUEUE;
        if ( likely(unit_runnable(unit)) )
            lapwing_enqueue(prv, lu, NOW());
    }

    unit_schedule_unlock_irq(lock, unit);
}

struct sched_resource *cf_check
lapwing_pick_resource(const struct scheduler *ops,
                      const struct sched_unit *unit)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    cpumask_t *ok = &prv->scratch[0];
    unsigned int cpu = sched_unit_master(unit);

    ASSERT(spin_is_locked(&prv->lock));

    cpumask_and(ok, unit->cpu_hard_affinity,
                cpupool_domain_master_cpumask(unit->domain));
    if ( unlikely(cpumask_empty(ok)) )
        cpumask_copy(ok, cpupool_domain_master_cpumask(unit->domain));
    if ( unlikely(cpumask_empty(ok)) )
        return unit->res;
    if ( has_soft_affinity(unit) &&
         cpumask_intersects(ok, unit->cpu_soft_affinity) )
        cpumask_and(ok, ok, unit->cpu_soft_affinity);

    /* Just a first guess: it is placed when it wakes. */
    if ( !cpumask_test_cpu(cpu, ok) )
        cpu = cpumask_first(ok);

    return get_sched_res(cpu);
}

void cf_check lapwing_migrate(const struct scheduler *ops,
                              struct sched_unit *unit, unsigned int new_cpu)
{
    struct lapwing_private *prv = lapwing_priv(ops);

    ASSERT(!(lapwing_unit(unit)->flags & LAPWING_ON_CPU));

    if ( new_cpu != sched_unit_master(unit) && prv->pcpu[new_cpu] )
        prv->pcpu[new_cpu]->migrations++;
    sched_set_res(unit, get_sched_res(new_cpu));
}

/* The queued unit this CPU should run, NULL if none goes before curr. */
static struct lapwing_unit *lapwing_candidate(struct lapwing_private *prv,
                                              struct lapwing_pcpu *pc,
                                              struct lapwing_unit *curr,
                                              s_time_t now)
{
    struct lapwing_unit *lu, *tmp;
    s_time_t ran = curr ? now - curr->sched_in : 0;
    bool limited = curr && ran < MICROSECS(prv->ratelimit);

    list_for_each_entry_safe ( lu, tmp, &prv->runq, elem )
    {
        struct sched_unit *unit = lu->unit;

        if ( curr && !lapwing_before(lu, curr) )
        {
            /* To go on is as good as to be chosen. */
            prv->vtime = max(prv->vtime, curr->vtime);
            return NULL;
        }
        /* It may have been paused and its sleep wait for our lock. */
        if ( !lapwing_allowed(lu, pc->cpu) || !unit_runnable_state(unit) )
            continue;
        if ( lu->target != nr_cpu_ids && lu->target != pc->cpu &&
             cpumask_test_cpu(lu->target, &prv->tickled) )
            continue;
        if ( (lu->flags & LAPWING_STAYS) && lu->target != pc->cpu )
            continue;
        if ( lu->dom->cap && lu->dom->budget <= 0 )
        {
            lapwing_dequeue(prv, lu);
            lu->flags |= LAPWING_PARKED;
            list_add_tail(&lu->elem, &lu->dom->parked);
            prv->parks++;
            lapwing_refill_arm(prv, now);
            continue;
        }
        /* What just came may stay a moment, unless a boosted one waits. */
        if ( limited && (!(lu->flags & LAPWING_BOOSTED) ||
                         (curr->flags & LAPWING_BOOSTED)) )
            return NULL;

        return lu;
    }

    return NULL;
}

/*
 * How long the chosen unit may run until the next decision, -1 for as long as
 * it likes: while nobody waits there is nothing to decide, and every timer
 * keeps its CPU out of deep idle states later.
 */
static s_time_t lapwing_runtime(struct lapwing_private *prv,
                                struct lapwing_pcpu *pc,
                                const struct lapwing_unit *lu, s_time_t now)
{
    s_time_t slice = MICROSECS(lapwing_tune.slice), limit = STIME_MAX;

    if ( prv->nr_queued )
    {
        const struct lapwing_unit *head =
            list_first_entry(&prv->runq, struct lapwing_unit, elem);
        s_time_t lead = max(lapwing_key(head) - lapwing_key(lu), (s_time_t)0);

        limit = min(slice + lead * lu->weight / LAPWING_WEIGHT_DEFAULT,
                    2 * slice);
        if ( lu->flags & LAPWING_BOOSTED )
            limit = min(limit, max(lu->boost_left, MICROSECS(100)));
        limit = max(limit, (s_time_t)MICROSECS(prv->ratelimit));
        limit = lapwing_align(&lapwing_tune, now + limit) - now;
    }
    pc->limited = prv->nr_queued;
    if ( pc->next )
        limit = min(limit, max(pc->next->deadline - now,
                               (s_time_t)MICROSECS(100)));

    if ( lu->dom->cap )
        limit = min(limit, max(lu->dom->budget / max(lu->dom->running, 1U),
                               MICROSECS(200)));
    if ( prv->hybrid )
        limit = min(limit, LAPWING_MISFIT_PERIOD);

    return limit == STIME_MAX ? -1 : limit;
}

/* From one unit to another on this CPU; NULL is the idle unit. */
static void lapwing_switch(struct lapwing_private *prv,
                           struct lapwing_pcpu *pc, struct lapwing_unit *next,
                           s_time_t now)
{
    if ( pc->curr )
        pc->curr->dom->running--;
    if ( next )
    {
        ASSERT(!(next->flags & LAPWING_ON_CPU));
        lapwing_dequeue(prv, next);
        next->flags |= LAPWING_ON_CPU;
        next->start = next->sched_in = now;
        next->dom->running++;
        if ( next->vtime > prv->vtime )
            prv->vtime = next->vtime;
        if ( lapwing_cpu(next) != pc->cpu )
        {
            TRACE(TRC_LAPWING_MIGRATE,
                  (next->unit->domain->domain_id << 16) | next->unit->unit_id,
                  (pc->cpu << 16) | lapwing_cpu(next));
            pc->migrations++;
            SCHED_STAT_CRANK(migrated);
            sched_set_res(next->unit, get_sched_res(pc->cpu));
        }
        if ( next->dom->cap )
            lapwing_refill_arm(prv, now);
    }
    pc->curr = next;
    pc->switches++;
}

void cf_check lapwing_schedule(const struct scheduler *ops,
                               struct sched_unit *currunit, s_time_t now,
                               bool tasklet)
{
    unsigned int cpu = sched_get_resource_cpu(smp_processor_id());
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_pcpu *pc = prv->pcpu[cpu];
    struct lapwing_unit *curr = NULL, *next;
    bool runnable = false, stay, tickled, yielded = false;

    SCHED_STAT_CRANK(schedule);
    ASSERT(pc && pc->cpu == cpu);

    tickled = cpumask_test_cpu(cpu, &prv->tickled);
    __cpumask_clear_cpu(cpu, &prv->tickled);
    pc->schedules++;

    if ( unlikely(!pc->probed) )
    {
        pc->probed = true;
        pc->probed_capacity = lapwing_probe_capacity();
        lapwing_rebuild(prv);
    }

    if ( !is_idle_unit(currunit) )
    {
        curr = lapwing_unit(currunit);
        ASSERT(curr == pc->curr);
        lapwing_burn(prv, curr, now);
        runnable = unit_runnable_state(currunit);
        yielded = curr->flags & LAPWING_YIELDED;
        curr->flags &= ~LAPWING_YIELDED;
    }
    else
        ASSERT(!pc->curr);

    stay = runnable && !tasklet && !(curr->dom->cap && curr->dom->budget <= 0);
    if ( stay && prv->hybrid && lapwing_misplaced(prv, curr, pc, now) )
        stay = false;

    if ( unlikely(tasklet) )
        next = NULL;
    else
    {
        next = lapwing_candidate(prv, pc, stay && !yielded ? curr : NULL, now);
        if ( !next && stay )
            next = curr;
    }

    TRACE(TRC_LAPWING_SCHEDULE, cpu,
          tasklet | (!next << 8) |
          (!cpumask_test_cpu(cpu, &prv->busy_cores) << 16) | (tickled << 24));

    if ( next != curr )
    {
        if ( runnable )
        {
            curr->flags |= LAPWING_REQUEUE;
            prv->preempts += next != NULL;
        }
        else if ( curr )
            lapwing_account_sleep(prv, curr, now);
        lapwing_switch(prv, pc, next, now);
    }

    if ( pc->next && (!next || now >= pc->next->deadline) )
        lapwing_unstay(prv, pc, now);

    if ( next )
    {
        unit_runnable_state(next->unit);
        lapwing_cpu_busy(prv, pc, now);
        currunit->next_time = lapwing_runtime(prv, pc, next, now);
        pc->decide_at = currunit->next_time < 0 ? STIME_MAX
                                                : now + currunit->next_time;
        currunit->next_task = next->unit;
    }
    else
    {
        lapwing_cpu_idle(prv, pc, now, tasklet);
        currunit->next_time = -1;
        currunit->next_task = sched_idle_unit(cpu);
        /*
         * schedule_cpu_rm() writes through the next_task of the idle unit:
         * it must not name the unit that ran last, which may be freed by then.
         */
        currunit->next_task->next_task = currunit->next_task;
    }
}
