/* SPDX-License-Identifier: Apache-2.0 */
#include "CLinux.h"

#include <sys/ioctl.h>

int lapwing_terminal_columns(int fd)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}
