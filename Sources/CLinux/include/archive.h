/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls for whole file trees and for namespaces that Swift's Glibc lacks,
 * because they stand behind _GNU_SOURCE. Each returns -errno on failure.
 */
#ifndef LAPWING_CLINUX_ARCHIVE_H
#define LAPWING_CLINUX_ARCHIVE_H

/* Copies count bytes at offset of one file to the position of another inside the kernel; bytes copied (copy_file_range). */
long long lapwing_copy_range(int from, long long offset, int to, unsigned long long count);

/* Plain calls on paths, links never followed; 0 or -errno. */
int lapwing_symlink(const char *target, const char *path);
int lapwing_make_node(const char *path, unsigned int mode, unsigned int major, unsigned int minor);
int lapwing_set_owner(const char *path, unsigned int uid, unsigned int gid);
int lapwing_set_time(const char *path, long long seconds);
int lapwing_set_attribute(const char *path, const char *name, const void *value, unsigned long size);
/* Length of the attribute put into buffer, 0 when there is none, or -errno. */
long lapwing_get_attribute(const char *path, const char *name, void *buffer, unsigned long size);
/* Owner, mode and time of an open file in one go. */
int lapwing_finish_file(int fd, unsigned int uid, unsigned int gid, unsigned int mode, long long seconds);
/* Device number of a path, as major << 32 | minor; 0 for what is no device. */
unsigned long long lapwing_device_number(const char *path);
/* 1 character device, 2 block device, 3 named pipe, 0 anything else. */
int lapwing_node_type(const char *path);

/* Mounts inside a namespace of our own: what is NULL for none. Flags: 1 bind, 2 read-only, 4 no set-user-ID and no devices. */
int lapwing_mount(const char *source, const char *target, const char *type, int flags, const char *data);
/* Makes all mounts private, so that nothing mounted later reaches the host. */
int lapwing_mounts_private(void);
int lapwing_unmount(const char *target);
/* Processors this process may run on (sched_getaffinity). */
int lapwing_processors(void);
int lapwing_set_host_name(const char *name);
/* Lets other programs have the processor first, for this process and those it starts; it gets a session of its own. */
void lapwing_give_way(void);

/* Sets the file mode creation mask; gives the old one. */
int lapwing_umask(int mask);

#endif
