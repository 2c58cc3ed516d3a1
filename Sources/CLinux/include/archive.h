/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls for whole file trees and for namespaces that Swift's Glibc lacks,
 * because they stand behind _GNU_SOURCE. Each returns -errno on failure.
 */
#ifndef LAPWING_CLINUX_ARCHIVE_H
#define LAPWING_CLINUX_ARCHIVE_H

/* Copies count bytes at offset of one file to the position of another inside the kernel; bytes copied (copy_file_range). */
long long lapwing_copy_range(int from, long long offset, int to, unsigned long long count);

#endif
