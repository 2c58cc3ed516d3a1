/* SPDX-License-Identifier: Apache-2.0 */
/* What the test agent needs as the first process of a guest. */
#ifndef LAPWING_CLINUX_GUEST_H
#define LAPWING_CLINUX_GUEST_H

/* Loads the kernel module in a file, which the kernel decompresses by itself when told so (finit_module(2): the C library
   has no wrapper, and syscall is variadic). 0 or -errno. */
int lapwing_load_module(int fd, int compressed);

#endif
