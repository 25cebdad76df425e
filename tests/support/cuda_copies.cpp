// SPDX-License-Identifier: Apache-2.0
// Counts what a program copies between host and device memory. Nothing is linked or changed; the
// driver loads this library into the program:
//
//     CUDA_INJECTION64_PATH=build/tests/libcuda_copies.so PROGRAM ...
//
// One line on stderr at the end: copies and bytes by direction. What a stream of frames copies is
// the difference between a long run and a short one, since the weights are copied as well.
#include <cupti.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

struct Count {
    std::atomic<uint64_t> copies{0};
    std::atomic<uint64_t> bytes{0};

    void add(uint64_t size) {
        copies++;
        bytes += size;
    }
};

Count to_device, to_host, on_device;

void count(const CUpti_ActivityMemcpy6& copy) {
    switch (copy.copyKind) {
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOA: return to_device.add(copy.bytes);
        case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
        case CUPTI_ACTIVITY_MEMCPY_KIND_ATOH: return to_host.add(copy.bytes);
        default: return on_device.add(copy.bytes);
    }
}

void CUPTIAPI give_buffer(uint8_t** buffer, size_t* size, size_t* records) {
    *size = 1 << 20;
    *buffer = static_cast<uint8_t*>(std::aligned_alloc(8, *size));
    *records = 0;
}

void CUPTIAPI take_buffer(CUcontext, uint32_t, uint8_t* buffer, size_t, size_t valid) {
    CUpti_Activity* record = nullptr;
    while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS)
        if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY)
            count(*reinterpret_cast<CUpti_ActivityMemcpy6*>(record));
    std::free(buffer);
}

void print() {
    cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    auto line = [](const char* what, const Count& c) {
        std::fprintf(stderr, "%s: %llu copies, %llu bytes; ", what,
                     static_cast<unsigned long long>(c.copies),
                     static_cast<unsigned long long>(c.bytes));
    };
    line("host to device", to_device);
    line("device to host", to_host);
    line("on the device", on_device);
    std::fprintf(stderr, "\n");
}

}  // namespace

// The driver calls this by name when the program first uses it.
extern "C" __attribute__((visibility("default"))) int InitializeInjection() {
    cuptiActivityRegisterCallbacks(give_buffer, take_buffer);
    if (cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY) != CUPTI_SUCCESS) return 0;
    std::atexit(print);
    return 1;
}
