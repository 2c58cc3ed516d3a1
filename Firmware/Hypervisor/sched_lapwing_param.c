/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: parameters that can be changed at run time, and what can be read.
 *
 *   sched-lapwing=KEY=VALUE[,KEY=VALUE...]        modes and times
 *   sched-lapwing-capacity=CPU[-CPU]:N[,...]      capacity by CPU
 *
 * Both are boot options and, through hypfs, runtime parameters.  A list is
 * taken as a whole or refused as a whole.
 */
#include <xen/init.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sections.h>
#include <xen/string.h>
#include <xen/trace.h>

#include "sched_lapwing.h"

static const char *const lapwing_mode_names[LAPWING_MODES] = {
    [LAPWING_POWERSAVE]   = "powersave",
    [LAPWING_BALANCED]    = "balanced",
    [LAPWING_PERFORMANCE] = "performance",
};

static const struct lapwing_tune lapwing_defaults[LAPWING_MODES] = {
    [LAPWING_POWERSAVE] = {
        .slice = 10000, .wait = 2000, .boost = 3000, .align = 1000,
        .settle = 60000, .pack = 120, .small = 30, .big = 150,
    },
    [LAPWING_BALANCED] = {
        .slice = 8000, .wait = 500, .boost = 3000, .align = 250,
        .settle = 30000, .pack = 6400, .small = 30, .big = 120,
    },
    [LAPWING_PERFORMANCE] = {
        .slice = 6000, .wait = 0, .boost = 3000, .align = 0,
        .settle = 0, .pack = 6400, .small = 101, .big = 120,
    },
};

static const struct {
    const char *name;
    unsigned int offset, min, max;
} lapwing_keys[] = {
#define KEY(field, low, high) \
    { #field, offsetof(struct lapwing_tune, field), low, high }
    KEY(slice, 500, 100000),
    KEY(wait, 0, 20000),
    KEY(boost, 0, 20000),
    KEY(align, 0, 20000),
    KEY(settle, 0, 1000000),
    KEY(pack, 0, 6400),
    KEY(small, 0, 101),
    KEY(big, 0, 1000),
#undef KEY
};

enum lapwing_mode __read_mostly lapwing_mode = LAPWING_BALANCED;
struct lapwing_tune __read_mostly lapwing_tune = {
    .slice = 8000, .wait = 500, .boost = 3000, .align = 250,
    .settle = 30000, .pack = 6400, .small = 30, .big = 120,
};

/*
 * The big cores of big.LITTLE boards take several times the energy of the
 * small ones for the same work; those of x86 laptops do not.
 */
bool __read_mostly lapwing_biglittle = IS_ENABLED(CONFIG_ARM);
boolean_runtime_param("sched-lapwing-biglittle", lapwing_biglittle);

DEFINE_SPINLOCK(lapwing_instances_lock);
LIST_HEAD(lapwing_instances);

/* As given; 0 is not given. */
static uint16_t __read_mostly lapwing_capacities[NR_CPUS];
static unsigned int __read_mostly lapwing_capacity_most;

#define LAPWING_PARAM_LEN 128
static char lapwing_param_text[LAPWING_PARAM_LEN];
static char lapwing_capacity_text[LAPWING_PARAM_LEN];

static unsigned int *lapwing_field(struct lapwing_tune *tune, unsigned int i)
{
    return (void *)tune + lapwing_keys[i].offset;
}

static void lapwing_print_param(void)
{
    unsigned int i, len;

    len = snprintf(lapwing_param_text, sizeof(lapwing_param_text), "mode=%s",
                   lapwing_mode_names[lapwing_mode]);
    for ( i = 0; i < ARRAY_SIZE(lapwing_keys) &&
                 len < sizeof(lapwing_param_text); i++ )
        len += snprintf(lapwing_param_text + len,
                        sizeof(lapwing_param_text) - len, ",%s=%u",
                        lapwing_keys[i].name,
                        *lapwing_field(&lapwing_tune, i));
}

#ifdef CONFIG_HYPFS
static void lapwing_refresh(struct param_hypfs *par);
static struct param_hypfs *lapwing_param_leaf, *lapwing_capacity_leaf;

static void __init cf_check lapwing_param_init(struct param_hypfs *par)
{
    lapwing_param_leaf = par;
    lapwing_print_param();
    lapwing_refresh(par);
}

static void __init cf_check lapwing_capacity_init(struct param_hypfs *par)
{
    lapwing_capacity_leaf = par;
    lapwing_refresh(par);
}
#endif

static int cf_check lapwing_parse_param(const char *s);
static int cf_check lapwing_parse_capacity(const char *s);
custom_runtime_param("sched-lapwing", lapwing_parse_param,
                     lapwing_param_init);
custom_runtime_param("sched-lapwing-capacity", lapwing_parse_capacity,
                     lapwing_capacity_init);

#ifdef CONFIG_HYPFS
static void lapwing_refresh(struct param_hypfs *par)
{
    if ( !par )
        return;
    if ( par == lapwing_param_leaf )
    {
        custom_runtime_set_var(par, lapwing_param_text);
    }
    else
    {
        custom_runtime_set_var(par, lapwing_capacity_text);
    }
}
#endif

/* One KEY=VALUE of the list, from s to end. */
static int lapwing_parse_one(const char *s, const char *end,
                             enum lapwing_mode *mode,
                             struct lapwing_tune *tune)
{
    const char *value = memchr(s, '=', end - s), *stop;
    unsigned int i;
    unsigned long n;

    if ( !value++ )
    {
        printk(XENLOG_ERR "sched-lapwing: '%.*s' is not KEY=VALUE\n",
               (int)(end - s), s);
        return -EINVAL;
    }

    if ( value - s == 5 && !strncmp(s, "mode=", 5) )
    {
        for ( i = 0; i < LAPWING_MODES; i++ )
            if ( strlen(lapwing_mode_names[i]) == end - value &&
                 !strncmp(value, lapwing_mode_names[i], end - value) )
            {
                *mode = i;
                *tune = lapwing_defaults[i];
                return 0;
            }
        printk(XENLOG_ERR "sched-lapwing: no mode '%.*s', kept %s\n",
               (int)(end - value), value, lapwing_mode_names[lapwing_mode]);
        return -EINVAL;
    }

    for ( i = 0; i < ARRAY_SIZE(lapwing_keys); i++ )
    {
        if ( strlen(lapwing_keys[i].name) != value - 1 - s ||
             strncmp(s, lapwing_keys[i].name, value - 1 - s) )
            continue;
        n = simple_strtoul(value, &stop, 10);
        if ( stop != end || stop == value || n < lapwing_keys[i].min ||
             n > lapwing_keys[i].max )
        {
            printk(XENLOG_ERR
                   "sched-lapwing: %s='%.*s' is not in %u..%u, kept %u\n",
                   lapwing_keys[i].name, (int)(end - value), value,
                   lapwing_keys[i].min, lapwing_keys[i].max,
                   *lapwing_field(&lapwing_tune, i));
            return -ERANGE;
        }
        *lapwing_field(tune, i) = n;
        return 0;
    }

    printk(XENLOG_ERR "sched-lapwing: unknown key '%.*s'\n",
           (int)(value - 1 - s), s);

    return -EINVAL;
}

int lapwing_set_param(const char *s)
{
    enum lapwing_mode mode = lapwing_mode;
    struct lapwing_tune tune = lapwing_tune;
    const char *end;
    int rc;

    do {
        end = strchr(s, ',') ?: strchr(s, '\0');
        rc = lapwing_parse_one(s, end, &mode, &tune);
        if ( rc )
            return rc;
        s = end + 1;
    } while ( *end );

    lapwing_tune = tune;
    lapwing_mode = mode;
    lapwing_print_param();
#ifdef CONFIG_HYPFS
    lapwing_refresh(lapwing_param_leaf);
#endif
    TRACE_TIME(TRC_LAPWING_MODE, mode, tune.slice, tune.wait, tune.boost,
               tune.align, tune.settle, tune.pack);

    return 0;
}

static int cf_check lapwing_parse_param(const char *s)
{
    return lapwing_set_param(s);
}

/* Instances look up their CPUs again; CPUs not there yet do when they come. */
static void lapwing_rebuild_all(void)
{
    struct lapwing_private *prv;
    unsigned long flags;

    spin_lock(&lapwing_instances_lock);
    list_for_each_entry ( prv, &lapwing_instances, elem )
    {
        spin_lock_irqsave(&prv->lock, flags);
        lapwing_rebuild(prv);
        spin_unlock_irqrestore(&prv->lock, flags);
    }
    spin_unlock(&lapwing_instances_lock);
}

int lapwing_set_capacity(const char *s)
{
    static uint16_t fresh[NR_CPUS];
    const char *text = s, *stop;
    unsigned long first, last, n;
    unsigned int most = 0;

    if ( strlen(s) >= sizeof(lapwing_capacity_text) )
    {
        printk(XENLOG_ERR "sched-lapwing-capacity: longer than %zu characters,"
               " table kept\n", sizeof(lapwing_capacity_text) - 1);
        return -ENOSPC;
    }

    memset(fresh, 0, sizeof(fresh));
    while ( *s )
    {
        first = last = simple_strtoul(s, &stop, 10);
        if ( stop != s && *stop == '-' )
            last = simple_strtoul(stop + 1, &stop, 10);
        if ( stop == s || *stop != ':' || first > last || last >= NR_CPUS )
            goto bad;
        s = stop + 1;
        n = simple_strtoul(s, &stop, 10);
        if ( stop == s || (*stop && *stop != ',') || n < 1 ||
             n > LAPWING_CAPACITY_MAX )
            goto bad;
        for ( ; first <= last; first++ )
            fresh[first] = n;
        most = max(most, (unsigned int)n);
        s = *stop ? stop + 1 : stop;
    }

    memcpy(lapwing_capacities, fresh, sizeof(fresh));
    lapwing_capacity_most = most;
    strlcpy(lapwing_capacity_text, text, sizeof(lapwing_capacity_text));
#ifdef CONFIG_HYPFS
    lapwing_refresh(lapwing_capacity_leaf);
#endif
    lapwing_rebuild_all();

    return 0;

 bad:
    printk(XENLOG_ERR "sched-lapwing-capacity: '%s' is not CPU[-CPU]:1..%u,"
           " table kept\n", s, LAPWING_CAPACITY_MAX);

    return -EINVAL;
}

static int cf_check lapwing_parse_capacity(const char *s)
{
    return lapwing_set_capacity(s);
}

/* As given, relative to the best one given; 0 if none was given. */
unsigned int lapwing_capacity_of(unsigned int cpu)
{
    return lapwing_capacity_most && lapwing_capacities[cpu]
           ? max(lapwing_capacities[cpu] * LAPWING_CAPACITY_MAX /
                 lapwing_capacity_most, 1U)
           : 0;
}

void cf_check lapwing_dump(const struct scheduler *ops)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    const struct lapwing_unit *lu;
    const struct lapwing_dom *ld;
    unsigned long flags;

    spin_lock_irqsave(&prv->lock, flags);

    lapwing_print_param();
    printk("\t%s, ratelimit=%u\n", lapwing_param_text, prv->ratelimit);
    printk("\tcpus %*pbl idle %*pbl set %*pbl small %*pbl\n",
           CPUMASK_PR(&prv->cpus), CPUMASK_PR(&prv->idle),
           CPUMASK_PR(&prv->set), CPUMASK_PR(&prv->small));
    printk("\twakes %"PRIu64" waits %"PRIu64" expired %"PRIu64
           " boosts %"PRIu64" preempts %"PRIu64" parks %"PRIu64
           " grows %"PRIu64" shrinks %"PRIu64"\n",
           prv->wakes, prv->waits, prv->expired, prv->boosts, prv->preempts,
           prv->parks, prv->grows, prv->shrinks);
    list_for_each_entry ( ld, &prv->doms, elem )
        printk("\tdom %pd weight %u cap %u budget %"PRI_stime" running %u\n",
               ld->domain, ld->weight, ld->cap, ld->budget, ld->running);
    list_for_each_entry ( lu, &prv->runq, elem )
        printk("\tqueued %pv flags %#x vtime %"PRI_stime" util %u\n",
               lu->unit->vcpu_list, lu->flags, lu->vtime - prv->vtime,
               lu->util);

    spin_unlock_irqrestore(&prv->lock, flags);
}

void cf_check lapwing_dump_cpu(const struct scheduler *ops, int cpu)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    const struct lapwing_pcpu *pc;
    unsigned long flags;

    spin_lock_irqsave(&prv->lock, flags);

    pc = prv->pcpu[cpu];
    if ( pc )
    {
        printk("\tcapacity %u core %*pbl wakeups %"PRIu64" schedules %"PRIu64
               " migrations %"PRIu64" idle %"PRI_stime"\n", pc->capacity,
               CPUMASK_PR(&pc->core), pc->wakeups, pc->schedules,
               pc->migrations, pc->idle_time);
        if ( pc->curr )
            printk("\trun %pv flags %#x util %u\n",
                   pc->curr->unit->vcpu_list, pc->curr->flags,
                   pc->curr->util);
    }

    spin_unlock_irqrestore(&prv->lock, flags);
}
