/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Xen's schedulers need of Xen, in user space.
 *
 * common/sched/core.c, credit.c, credit2.c and Firmware/Hypervisor's files are compiled against this header instead
 * of Xen's own: it stands in front of Xen's include directory, and every header of Xen that reaches into the machine
 * is replaced by a forwarder to it. Xen's private.h, list.h, err.h and public headers are used as they are. Only what
 * the schedulers ask for is here: one simulated machine per process image, run by one thread at a time, so locks
 * count and check but never wait.
 */
#ifndef LAPWING_HARNESS_H
#define LAPWING_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <string.h>

#include "harness_base.h"
#include "harness_cpu.h"
#include "harness_domain.h"

#include <xen/err.h>
#endif
