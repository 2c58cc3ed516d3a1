/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: what only the machine and the rest of Xen can tell.
 */
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sections.h>
#include <xen/string.h>

/* The simulator gives capacities through the parameter. */
#if defined(CONFIG_X86) && !defined(__XEN_SIMULATED__)
#define LAPWING_HAVE_CPPC
#include <asm/msr.h>
#include <asm/processor.h>
#endif

#include "sched_lapwing.h"

/* Of a machine booted with this scheduler: its new cpupools are given it. */
static bool __read_mostly lapwing_pools = true;
boolean_runtime_param("sched-lapwing-pools", lapwing_pools);

extern const struct scheduler *__start_schedulers_array[];
extern const struct scheduler *__end_schedulers_array[];

/*
 * Capacity of the CPU this runs on in units of its firmware, or 0 if unknown:
 * the highest performance of CPPC, which on hybrid machines differs between
 * the kinds of cores.  Intel SDM vol. 4, IA32_HWP_CAPABILITIES (771h); AMD
 * PPR, MSRC001_02B0.
 */
unsigned int lapwing_probe_capacity(void)
{
#ifdef LAPWING_HAVE_CPPC
    uint64_t caps;

    if ( boot_cpu_data.x86_vendor == X86_VENDOR_INTEL &&
         boot_cpu_data.cpuid_level >= 6 && (cpuid_eax(6) & (1U << 7)) &&
         !rdmsr_safe(0x771, caps) )
        return caps & 0xff;

    if ( (boot_cpu_data.x86_vendor &
          (X86_VENDOR_AMD | X86_VENDOR_HYGON)) &&
         boot_cpu_data.extended_cpuid_level >= 0x80000008U &&
         (cpuid_ebx(0x80000008U) & (1U << 27)) &&
         !rdmsr_safe(0xc00102b0U, caps) )
        return (caps >> 24) & 0xff;
#endif

    return 0;
}

/*
 * This scheduler shares its id with credit2, and a new cpupool is given the
 * first scheduler of an id.  It is linked first, and hands the pool over to
 * the next of that id unless the machine was booted with it: pools follow
 * what the person chose with sched=, until told otherwise.
 */
bool lapwing_hand_over(struct scheduler *ops, int *rc)
{
    const struct scheduler *chosen = scheduler_get_default();
    const struct scheduler **s;

    if ( ops == chosen || (chosen->init == ops->init && lapwing_pools) )
        return false;

    for ( s = __start_schedulers_array; s < __end_schedulers_array; s++ )
        if ( *s && (*s)->sched_id == ops->sched_id &&
             (*s)->init != ops->init )
        {
            *ops = **s;
            *rc = ops->init(ops);
            return true;
        }

    return false;
}
