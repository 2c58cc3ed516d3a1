/* SPDX-License-Identifier: Apache-2.0 */
/* What the device programs need of Linux beyond CLinux.h. Each returns -errno on failure. */
#ifndef LAPWING_CLINUX_DEVICE_H
#define LAPWING_CLINUX_DEVICE_H

#include <stddef.h>

/* A listening non-blocking stream socket bound to path with the given mode and group (-1: leave); a socket nobody
   listens on is replaced. struct sockaddr_un's path is a C array, which Swift imports as a tuple of 108 elements. */
int lapwing_socket_listen(const char *path, unsigned int mode, int group);
/* A connected blocking stream socket; sends and receives give up after seconds. */
int lapwing_socket_connect(const char *path, int seconds);
/* Sends one datagram to a path or, with a leading '@', an abstract name: sd_notify(3)'s protocol. */
int lapwing_socket_notify(const char *path, const void *bytes, size_t count);
/* accept4 with non-blocking and close-on-exec. */
int lapwing_socket_accept(int fd);
/* The user id of whoever connected (SO_PEERCRED, whose struct stands behind _GNU_SOURCE), or -errno. */
long long lapwing_socket_peer_user(int fd);
/* recv/send that never raise SIGPIPE; 0 from receive is the end of the stream. */
long lapwing_socket_receive(int fd, void *buffer, size_t count);
long lapwing_socket_send(int fd, const void *buffer, size_t count);

/* A descriptor that becomes readable when SIGTERM, SIGINT or SIGHUP has come. A handler, not signalfd: children must
   not inherit blocked signals. */
int lapwing_stop_descriptor(void);

/* Group id of a name, or -errno; -ENOENT when there is none (getgrnam_r needs a buffer and a retry). */
long lapwing_group_id(const char *name);
/* chown without following a link. */
int lapwing_chown(const char *path, unsigned int uid, unsigned int gid);

/* Turns echo off (state is filled) or puts the state back; -ENOTTY when fd is no terminal. The state is opaque:
   struct termios holds C arrays. */
struct lapwing_terminal_state {
    unsigned char bytes[128];
};
int lapwing_terminal_hide(int fd, struct lapwing_terminal_state *state);
int lapwing_terminal_restore(int fd, const struct lapwing_terminal_state *state);

/* Overwrites memory so that the compiler may not leave it out. */
void lapwing_erase(void *memory, size_t count);

/* Calls on paths below a directory that is taken for the root: links and ".." cannot lead out of it (openat2 with
   RESOLVE_IN_ROOT, which no C library wraps). Nothing is waited for: a pipe opens at once. */
int lapwing_root_open(const char *path);
int lapwing_root_read(int root, const char *path, void *buffer, size_t count);
/* Calls body with each name but . and .. of a directory, in no order. */
int lapwing_root_list(int root, const char *path, void *state,
                      void (*body)(void *state, const char *name, unsigned long length));
/* Length of the target of a link put into buffer. */
long lapwing_root_link(int root, const char *path, char *buffer, size_t size);
/* 0 nothing there, 1 regular file, 2 directory, 3 anything else; links are followed, inside the root. */
int lapwing_root_kind(int root, const char *path);

/* A non-blocking netlink socket that gets the kernel's messages of devices added and removed, and of power supplies that
   changed: the filter below keeps changes of clocks, thermal zones and disks from waking anybody. Netlink's header gives
   its constants and structs behind macros that Swift does not import. */
int lapwing_uevent_open(void);
/* Attaches that filter to a socket (SO_ATTACH_FILTER, whose program is a struct of macros); 0 or -errno. */
int lapwing_uevent_filter(int fd);
/* The length of the next message put into buffer; 0 for one that did not come from the kernel, or is empty; -EAGAIN
   for none, -ENOBUFS when some were lost, -EMSGSIZE for one of the kernel's that the buffer cannot hold. */
long lapwing_uevent_receive(int fd, void *buffer, size_t size);

/* A generic netlink socket whose receives give up after seconds. */
int lapwing_netlink_generic(int seconds);

/* Replaces this process; returns only -errno (execv wants an array of pointers ending in null). */
int lapwing_exec(const char *path, char *const arguments[]);

#endif
