/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the simulated machine share: domains, pools, and how the simulator's calls enter and leave. */
#ifndef LAPWING_HARNESS_MACHINE_H
#define LAPWING_HARNESS_MACHINE_H

#include <setjmp.h>
#include "harness.h"
#include "private.h"
#include "api.h"

#define EXPORT __attribute__((visibility("default")))
#define MAX_DOMAINS 64
#define MAX_POOLS 4

extern struct sim_state harness_state;
extern jmp_buf harness_escape;
extern bool harness_inside, harness_dead, harness_booted;
void harness_softirqs(void);
void harness_seed(unsigned int seed);

/* machine.c */
extern struct domain *domains[MAX_DOMAINS];
extern struct cpupool pools[MAX_POOLS];
int notify(unsigned long action, unsigned int cpu);
/* Makes every CPU that runs something which must stop go through its softirqs, as an IPI would. */
void settle(void);
/* Shows the simulator what the present CPU runs. */
void publish(void);

/* calls_domain.c */
struct vcpu *find_vcpu(unsigned int domain, unsigned int vcpu);

/* calls_pool.c */
int pool_add(struct cpupool *c, unsigned int cpu);

/* Every call of the simulator enters here; a death of Xen's code comes back as SIM_DIED. */
#define ENTER() do { \
    if ( harness_dead ) return SIM_DIED; \
    harness_inside = true; \
    harness_irqs = 1; \
    if ( setjmp(harness_escape) ) { harness_inside = false; return SIM_DIED; } } while ( 0 )
#define LEAVE(result) do { int result_ = (result); harness_inside = false; publish(); return result_; } while ( 0 )

#endif
