/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

long long lapwing_copy_range(int from, long long offset, int to, unsigned long long count)
{
    loff_t position = offset;
    ssize_t copied;

    do
        copied = copy_file_range(from, &position, to, NULL, count, 0);
    while (copied < 0 && errno == EINTR);
    return copied < 0 ? -errno : copied;
}
