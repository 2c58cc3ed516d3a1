/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thinnest shims over Linux calls that Swift cannot import: ioctl is variadic,
 * and some request numbers are function-like macros.
 */
#ifndef LAPWING_CLINUX_H
#define LAPWING_CLINUX_H

#include "tree.h"
#include "archive.h"

/* Columns of the terminal behind fd, or 0 when fd is no terminal (TIOCGWINSZ is used through variadic ioctl). */
int lapwing_terminal_columns(int fd);

/* A close-on-exec anonymous memory file, or -errno (memfd_create stands behind _GNU_SOURCE, which Swift's Glibc lacks). */
int lapwing_memory_file(void);

/* errno after one of the calls below: Swift may not read it between two calls of its own. */
int lapwing_errno(void);
int lapwing_process_id(void);
int lapwing_fsync(int fd);
int lapwing_rename(const char *from, const char *to);
int lapwing_unlink(const char *path);
int lapwing_mkdir(const char *path, unsigned int mode);
/* 0 nothing there, 1 regular file, 2 directory, 3 anything else; links are followed. */
int lapwing_file_kind(const char *path);

#include "channel.h"
#include "device.h"
#include "guest.h"
#include "lid.h"

#endif
