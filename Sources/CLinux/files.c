/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int lapwing_memory_file(void)
{
    int fd = memfd_create("lapwing", MFD_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int lapwing_errno(void)
{
    return errno;
}

int lapwing_process_id(void)
{
    return getpid();
}

int lapwing_fsync(int fd)
{
    return fsync(fd);
}

int lapwing_rename(const char *from, const char *to)
{
    return rename(from, to);
}

int lapwing_unlink(const char *path)
{
    return unlink(path);
}

int lapwing_mkdir(const char *path, unsigned int mode)
{
    return mkdir(path, mode);
}

int lapwing_file_kind(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return 0;
    if (S_ISREG(status.st_mode))
        return 1;
    return S_ISDIR(status.st_mode) ? 2 : 3;
}
