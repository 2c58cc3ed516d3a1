/* SPDX-License-Identifier: Apache-2.0 */
/* libxcrypt's crypt(3): the password hashes PAM reads, yescrypt among them. */
#include <crypt.h>
