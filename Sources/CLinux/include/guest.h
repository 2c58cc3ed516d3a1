/* SPDX-License-Identifier: Apache-2.0 */
/* What the test agent needs as the first process of a guest. */
#ifndef LAPWING_CLINUX_GUEST_H
#define LAPWING_CLINUX_GUEST_H

/* Loads the kernel module in a file, which the kernel decompresses by itself when told so (finit_module(2): the C library
   has no wrapper, and syscall is variadic). 0 or -errno. */
int lapwing_load_module(int fd, int compressed);

/* Ends the system at once (reboot(2), whose header Swift does not import): restarts it, or switches it off. A kernel that
   cannot switch off, as in a PVH domain, halts instead, which Xen takes for switching off. 0 or -errno. */
int lapwing_end_system(int restart);

/* Where the lid's switch of an input device stands: 1 closed, 0 open, -errno, -ENODEV when it has none (EVIOCGSW,
   linux/input.h, a macro with an argument around a variadic call). */
int lapwing_guest_lid(int fd);

/* What a hostile guest does to the ports of its battery, 0xA000-0xA00F, 0xAFE1 and 0xAFE3: reads and writes of 1, 2 and 4
   bytes, values and order out of the seed, for that many seconds (inb and its like are inline assembly; ioperm is there
   on x86 alone). The number of accesses, or -errno; -ENOSYS on other processors. Accesses that begin at the last port
   reach past it, as a hostile guest's may. */
long long lapwing_guest_hammer(unsigned int seconds, unsigned long long seed);

#endif
