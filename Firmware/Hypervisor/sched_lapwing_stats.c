/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: counters that dom0 can read with unpatched tools, as
 * `xenhypfs cat /sched-lapwing/cpus` and `.../pools`.  One line per CPU or
 * cpupool of this scheduler, KEY=VALUE separated by blanks.
 */
#include <xen/err.h>
#include <xen/guest_access.h>
#include <xen/hypfs.h>
#include <xen/init.h>
#include <xen/lib.h>
#include <xen/sections.h>
#include <xen/xmalloc.h>

#include "sched_lapwing.h"

#if defined(CONFIG_HYPFS) && !defined(__XEN_SIMULATED__)

#define LAPWING_LINE 384

struct lapwing_text {
    char *text;
    unsigned int size, length;
};

static unsigned int lapwing_pool_id(const struct lapwing_private *prv)
{
    const struct cpupool *pool =
        cpumask_empty(&prv->cpus)
        ? NULL : get_sched_res(cpumask_first(&prv->cpus))->cpupool;

    return pool ? pool->cpupool_id : CPUPOOLID_NONE;
}

/* Add one line; what does not fit is left out whole. */
static void lapwing_line(struct lapwing_text *t, unsigned int length)
{
    if ( t->length + length < t->size )
        t->length += length;
}

static void lapwing_cpu_line(struct lapwing_text *t,
                             const struct lapwing_private *prv,
                             const struct lapwing_pcpu *pc, s_time_t now)
{
    s_time_t idle = pc->idle_time + (pc->idle ? now - pc->idle_since : 0);

    lapwing_line(t, snprintf(t->text + t->length, t->size - t->length,
        "cpu=%u pool=%d core=%u package=%u capacity=%u idle=%u set=%u"
        " wakeups=%"PRIu64" schedules=%"PRIu64" switches=%"PRIu64
        " migrations=%"PRIu64" idle_ns=%"PRI_stime" idle_100us=%"PRIu64
        " idle_1ms=%"PRIu64" idle_10ms=%"PRIu64" idle_longer=%"PRIu64"\n",
        pc->cpu, (int)lapwing_pool_id(prv), cpumask_first(&pc->core),
        cpumask_first(&pc->package), pc->capacity, pc->idle,
        cpumask_test_cpu(pc->cpu, &prv->set), pc->wakeups, pc->schedules,
        pc->switches, pc->migrations, idle, pc->idle_len[0],
        pc->idle_len[1], pc->idle_len[2], pc->idle_len[3]));
}

static void lapwing_pool_line(struct lapwing_text *t,
                              const struct lapwing_private *prv)
{
    /* Xen's default instance, which no cpupool uses, is no news. */
    if ( !prv->nr_cpus )
        return;

    lapwing_line(t, snprintf(t->text + t->length, t->size - t->length,
        "pool=%d cpus=%u set=%u queued=%u wakes=%"PRIu64" waits=%"PRIu64
        " expired=%"PRIu64" boosts=%"PRIu64" preempts=%"PRIu64
        " parks=%"PRIu64" grows=%"PRIu64" shrinks=%"PRIu64"\n",
        (int)lapwing_pool_id(prv), prv->nr_cpus, cpumask_weight(&prv->set),
        prv->nr_queued, prv->wakes, prv->waits, prv->expired, prv->boosts,
        prv->preempts, prv->parks, prv->grows, prv->shrinks));
}

static const struct hypfs_entry *lapwing_stats_enter(
    const struct hypfs_entry *entry, bool cpus)
{
    struct lapwing_text *t = hypfs_alloc_dyndata(struct lapwing_text);
    struct lapwing_private *prv;
    s_time_t now = NOW();
    unsigned int cpu;

    if ( !t )
        return ERR_PTR(-ENOMEM);
    t->size = (nr_cpu_ids + 1) * LAPWING_LINE;
    t->text = xzalloc_array(char, t->size);
    if ( !t->text )
    {
        hypfs_free_dyndata();
        return ERR_PTR(-ENOMEM);
    }

    rcu_read_lock(&sched_res_rculock);
    spin_lock(&lapwing_instances_lock);
    list_for_each_entry ( prv, &lapwing_instances, elem )
    {
        unsigned long flags;

        spin_lock_irqsave(&prv->lock, flags);
        if ( !cpus )
            lapwing_pool_line(t, prv);
        else
            for_each_cpu ( cpu, &prv->cpus )
                lapwing_cpu_line(t, prv, prv->pcpu[cpu], now);
        spin_unlock_irqrestore(&prv->lock, flags);
    }
    spin_unlock(&lapwing_instances_lock);
    rcu_read_unlock(&sched_res_rculock);

    /* What was left out must not show as half a line. */
    t->text[t->length] = '\0';

    return entry;
}

static const struct hypfs_entry *cf_check lapwing_cpus_enter(
    const struct hypfs_entry *entry)
{
    return lapwing_stats_enter(entry, true);
}

static const struct hypfs_entry *cf_check lapwing_pools_enter(
    const struct hypfs_entry *entry)
{
    return lapwing_stats_enter(entry, false);
}

static void cf_check lapwing_stats_exit(const struct hypfs_entry *entry)
{
    struct lapwing_text *t = hypfs_get_dyndata();

    xfree(t->text);
    hypfs_free_dyndata();
}

static int cf_check lapwing_stats_read(const struct hypfs_entry *entry,
                                       XEN_GUEST_HANDLE_PARAM(void) uaddr)
{
    const struct lapwing_text *t = hypfs_get_dyndata();

    return copy_to_guest(uaddr, t->text, t->length + 1) ? -EFAULT : 0;
}

static unsigned int cf_check lapwing_stats_size(
    const struct hypfs_entry *entry)
{
    const struct lapwing_text *t = hypfs_get_dyndata();

    return t->length + 1;
}

static const struct hypfs_funcs lapwing_cpus_funcs = {
    .enter = lapwing_cpus_enter,
    .exit = lapwing_stats_exit,
    .read = lapwing_stats_read,
    .write = hypfs_write_deny,
    .getsize = lapwing_stats_size,
    .findentry = hypfs_leaf_findentry,
};

static const struct hypfs_funcs lapwing_pools_funcs = {
    .enter = lapwing_pools_enter,
    .exit = lapwing_stats_exit,
    .read = lapwing_stats_read,
    .write = hypfs_write_deny,
    .getsize = lapwing_stats_size,
    .findentry = hypfs_leaf_findentry,
};

static HYPFS_DIR_INIT(lapwing_dir, "sched-lapwing");
static HYPFS_VARSIZE_INIT(lapwing_cpus_leaf, XEN_HYPFS_TYPE_STRING, "cpus", 0,
                          &lapwing_cpus_funcs);
static HYPFS_VARSIZE_INIT(lapwing_pools_leaf, XEN_HYPFS_TYPE_STRING, "pools",
                          0, &lapwing_pools_funcs);

static int __init cf_check lapwing_stats_init(void)
{
    hypfs_add_dir(&hypfs_root, &lapwing_dir, true);
    /* A leaf must have content, though these make theirs when read. */
    hypfs_string_set_reference(&lapwing_cpus_leaf, "");
    hypfs_string_set_reference(&lapwing_pools_leaf, "");
    hypfs_add_leaf(&lapwing_dir, &lapwing_cpus_leaf, true);
    hypfs_add_leaf(&lapwing_dir, &lapwing_pools_leaf, true);

    return 0;
}
__initcall(lapwing_stats_init);

#endif /* CONFIG_HYPFS */
