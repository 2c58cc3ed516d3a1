/* SPDX-License-Identifier: Apache-2.0 */
/* The switch below a lid, as an input device (linux/input.h): its requests are function-like macros, and ioctl is
   variadic. Each returns -errno on failure. */
#ifndef LAPWING_CLINUX_LID_H
#define LAPWING_CLINUX_LID_H

/* A non-blocking descriptor of an event node that has SW_LID; -ENODEV for what is none. */
int lapwing_lid_open(const char *path);
/* 1 closed, 0 open. */
int lapwing_lid_state(int fd);
/* Reads what waits, and a bounded number of events at most: 1 when the lid moved or events were lost, 0 when not. */
int lapwing_lid_drain(int fd);

#endif
