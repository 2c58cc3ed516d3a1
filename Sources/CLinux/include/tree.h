/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shims over calls whose struct layouts, macros or _GNU_SOURCE guards keep Swift from using them directly.
 * Unless said otherwise they return 0, or -errno.
 */
#ifndef LAPWING_CLINUX_TREE_H
#define LAPWING_CLINUX_TREE_H

#include <stdint.h>

struct lapwing_status {
    uint64_t device;
    uint64_t inode;
    uint64_t links;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    int64_t size;
    int64_t allocated; /* bytes on the disk */
    int64_t mtime_ns;
    int64_t ctime_ns;
};

/* lstat: links are not followed. */
int lapwing_lstat(const char *path, struct lapwing_status *status);
int lapwing_fstat(int fd, struct lapwing_status *status);
/* Calls body with each name but . and .. of a directory, in no order. */
int lapwing_list(const char *path, void *state, void (*body)(void *state, const char *name, unsigned long length));
/* Removes a file or a whole tree; links are not followed, other file systems not entered, nothing there is fine. */
int lapwing_remove_tree(const char *path);
int lapwing_link(const char *from, const char *to);
int lapwing_chmod(const char *path, uint32_t mode);
/* Sets the modification and access time of a path (links not followed) to now. */
int lapwing_touch(const char *path);
/* Length of the link's target put into buffer, or -errno. */
long lapwing_readlink(const char *path, char *buffer, unsigned long size);
/* flock: LOCK_EX or LOCK_SH, with LOCK_NB when wait is 0 (-EWOULDBLOCK when another has it). */
int lapwing_lock(int fd, int exclusive, int wait);
/* Copies the data of in to the empty file out and leaves holes where in has them. */
int lapwing_copy_sparse(int in, int out);
/* Bytes an ordinary process may still write on the file system of a path, or -errno. */
int64_t lapwing_free_bytes(const char *path);

struct lapwing_usage {
    double user_seconds;
    double system_seconds;
    int64_t peak_bytes;
};

/* getrusage of this process (children 0) or of all children that have ended (children 1). */
void lapwing_usage(int children, struct lapwing_usage *usage);

/* A close-on-exec descriptor that becomes readable once SIGINT, SIGTERM or SIGHUP arrived, or -errno; a second
 * signal has its default effect. Handlers, unlike ignored signals, are not inherited by programs that are run. */
int lapwing_catch_interrupts(void);
int lapwing_user_id(void);

#endif
