// SPDX-License-Identifier: Apache-2.0
// Functions that host and device share.
#pragma once

#ifdef __CUDACC__
#define FLASHVSR_HOST_DEVICE __host__ __device__
#else
#define FLASHVSR_HOST_DEVICE
#endif
