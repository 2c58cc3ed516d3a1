/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: the run queue, and what happens to a unit that has to stay in it:
 * waits end, slices are cut short, caps are refilled.
 */
#include <xen/lib.h>
#include <xen/softirq.h>
#include <xen/trace.h>

#include "sched_lapwing_hooks.h"

static void lapwing_tickle(struct lapwing_private *prv,
                           struct lapwing_unit *lu, unsigned int cpu)
{
    TRACE(TRC_LAPWING_TICKLE, cpu);

    lu->target = cpu;
    __cpumask_set_cpu(cpu, &prv->tickled);
    cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
}

/* Make sure the waiting units are looked at when the first wait ends. */
static void lapwing_kick_arm(struct lapwing_private *prv, s_time_t at)
{
    if ( prv->kick_armed && prv->kick_at <= at )
        return;

    prv->kick_armed = true;
    prv->kick_at = at;
    /* This CPU is awake now; another might be woken just for the timer. */
    migrate_timer(&prv->kick, smp_processor_id());
    set_timer(&prv->kick, at);
}

/* Make sure a busy CPU decides anew at a time, or before. */
static void lapwing_decide_by(struct lapwing_pcpu *pc, s_time_t at)
{
    if ( pc->decide_at <= at )
        return;
    pc->decide_at = at;
    set_timer(&get_sched_res(pc->cpu)->s_timer, at);
}

/*
 * A unit has to wait behind running ones and is not worth an interruption: at
 * least one of the CPUs it may use has to decide anew within a slice.
 */
static void lapwing_limit(struct lapwing_private *prv,
                          const struct lapwing_unit *lu, s_time_t now)
{
    struct lapwing_pcpu *found = NULL;
    unsigned int cpu;

    for_each_cpu ( cpu, &prv->cpus )
    {
        struct lapwing_pcpu *pc = prv->pcpu[cpu];

        if ( !pc->curr || !lapwing_allowed(lu, cpu) )
            continue;
        if ( pc->limited || cpumask_test_cpu(cpu, &prv->tickled) )
            return;
        if ( !found || pc->curr->sched_in < found->curr->sched_in )
            found = pc;
    }

    if ( found )
    {
        s_time_t at = found->curr->sched_in + MICROSECS(lapwing_tune.slice);

        found->limited = true;
        lapwing_decide_by(found, max(at, now));
    }
}

/* Decide where a queued unit is to run, and tell that CPU. */
static void lapwing_dispatch(struct lapwing_private *prv,
                             struct lapwing_unit *lu, s_time_t now, bool force)
{
    int cpu = lapwing_place(prv, lu, now, force);

    if ( cpu >= 0 )
        lapwing_tickle(prv, lu, cpu);
    else if ( lu->flags & LAPWING_STAYS )
    {
        /* A CPU that is still to be woken sets its limit when it is. */
        if ( prv->pcpu[lu->target]->curr )
            lapwing_decide_by(prv->pcpu[lu->target], lu->deadline);
    }
    else if ( lu->flags & LAPWING_WAITING )
        lapwing_kick_arm(prv, lu->deadline);
    else
        lapwing_limit(prv, lu, now);
}

void lapwing_enqueue(struct lapwing_private *prv, struct lapwing_unit *lu,
                     s_time_t now)
{
    struct lapwing_unit *other;
    struct list_head *pos;

    ASSERT(spin_is_locked(&prv->lock));
    ASSERT(!(lu->flags & (LAPWING_QUEUED | LAPWING_ON_CPU | LAPWING_PARKED)));

    if ( lu->dom->cap && lu->dom->budget <= 0 )
    {
        lu->flags |= LAPWING_PARKED;
        list_add_tail(&lu->elem, &lu->dom->parked);
        prv->parks++;
        lapwing_refill_arm(prv, now);
        return;
    }

    lapwing_clamp(prv, lu);

    /* From the end: what is queued again has just run. */
    list_for_each_prev ( pos, &prv->runq )
    {
        other = list_entry(pos, struct lapwing_unit, elem);
        if ( !lapwing_before(lu, other) )
            break;
    }
    list_add(&lu->elem, pos);
    lu->flags |= LAPWING_QUEUED;
    lu->target = nr_cpu_ids;
    prv->nr_queued++;

    lapwing_dispatch(prv, lu, now, false);
}

void lapwing_dequeue(struct lapwing_private *prv, struct lapwing_unit *lu)
{
    ASSERT(spin_is_locked(&prv->lock));

    if ( lu->flags & (LAPWING_QUEUED | LAPWING_PARKED) )
    {
        list_del_init(&lu->elem);
        if ( lu->flags & LAPWING_QUEUED )
        {
            ASSERT(prv->nr_queued);
            prv->nr_queued--;
        }
    }
    if ( lu->flags & LAPWING_STAYS )
        prv->pcpu[lu->target]->next = NULL;
    lu->flags &= ~(LAPWING_QUEUED | LAPWING_PARKED | LAPWING_WAITING |
                   LAPWING_STAYS);
    lu->target = nr_cpu_ids;
}

/* What waits for a CPU waits no longer, and goes where there is room. */
void lapwing_unstay(struct lapwing_private *prv, struct lapwing_pcpu *pc,
                    s_time_t now)
{
    struct lapwing_unit *lu = pc->next;

    if ( !lu )
        return;
    pc->next = NULL;
    lu->flags &= ~LAPWING_STAYS;
    lu->target = nr_cpu_ids;
    prv->expired++;
    TRACE_TIME(TRC_LAPWING_EXPIRED, lu->unit->domain->domain_id,
               lu->unit->unit_id);
    lapwing_dispatch(prv, lu, now, true);
}

/* A wait is over: wake another core for those that still have none. */
void cf_check lapwing_kick_fn(void *data)
{
    struct lapwing_private *prv = data;
    struct lapwing_unit *lu;
    s_time_t now = NOW(), next = 0;
    unsigned long flags;

    spin_lock_irqsave(&prv->lock, flags);

    prv->kick_armed = false;
    list_for_each_entry ( lu, &prv->runq, elem )
    {
        if ( !(lu->flags & LAPWING_WAITING) )
            continue;
        if ( lu->deadline > now )
        {
            if ( !next || lu->deadline < next )
                next = lu->deadline;
            continue;
        }
        lu->flags &= ~LAPWING_WAITING;
        prv->expired++;
        TRACE_TIME(TRC_LAPWING_EXPIRED, lu->unit->domain->domain_id,
                   lu->unit->unit_id);
        lapwing_dispatch(prv, lu, now, true);
    }
    if ( next )
        lapwing_kick_arm(prv, next);

    spin_unlock_irqrestore(&prv->lock, flags);
}

void cf_check lapwing_refill_fn(void *data)
{
    struct lapwing_private *prv = data;
    unsigned long flags;
    s_time_t now = NOW();

    spin_lock_irqsave(&prv->lock, flags);

    prv->refill_armed = false;
    if ( lapwing_refill(prv, now) )
        lapwing_refill_arm(prv, now);

    spin_unlock_irqrestore(&prv->lock, flags);
}
