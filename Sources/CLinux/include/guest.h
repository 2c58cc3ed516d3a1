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

#endif
