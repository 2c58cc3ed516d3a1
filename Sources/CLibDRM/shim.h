/* SPDX-License-Identifier: Apache-2.0 */
/* libdrm: connectors and modes asked from the driver itself. Its headers find each other by <drm.h>, which lies in a
   directory of its own (pkg-config's -I/usr/include/libdrm). */
#include <xf86drm.h>
#include <xf86drmMode.h>
