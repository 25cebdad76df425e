// SPDX-License-Identifier: Apache-2.0
#include "core/memory_plan.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "models/error.h"

#ifdef FLASHVSR_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>

#include "kernels/cuda_check.h"
#endif

namespace flashvsr {
namespace {

// Tiles that nobody asked for, in windows: so large that they see little beyond their own parts.
constexpr int64_t kTileSize = 6;
constexpr int64_t kTileOverlap = 1;

// What is switched on, in the order of what it costs: the same picture a little later; past keys
// rounded; the same from the host, at the speed of its bus; tiles that do not see each other.
struct Step {
    KvStorage storage;
    bool tile_vae, tile_dit;
};
constexpr Step kLadder[] = {
    {KvStorage::kDevice, true, false},   {KvStorage::kInt8, false, false},
    {KvStorage::kInt8, true, false},     {KvStorage::kHostInt8, false, false},
    {KvStorage::kHostInt8, true, false}, {KvStorage::kHostInt8, true, true},
};

constexpr const char* kStorageNames[] = {"device", "int8", "host", "host-int8"};

KvStorage smaller(KvStorage asked, KvStorage step) {
    if (step == KvStorage::kInt8 && keeps_on_host(asked)) return asked;
    return step == KvStorage::kDevice ? asked : step;
}

MemoryQuery apply(const Step& step, MemoryQuery query) {
    query.storage = smaller(query.storage, step.storage);
    Tiling& tiling = query.tiling;
    if (!tiling.dit && !tiling.vae) {
        tiling.size = kTileSize;
        tiling.overlap = kTileOverlap;
    }
    tiling.vae = tiling.vae || step.tile_vae;
    tiling.dit = tiling.dit || step.tile_dit;
    return query;
}

// What distinguishes `to`, as a user would set it.
std::string changes_between(const MemoryQuery& from, const MemoryQuery& to) {
    std::string text;
    auto add = [&](const std::string& setting) { text += (text.empty() ? "" : " ") + setting; };
    if (to.storage != from.storage) add(std::string("kv-cache=") + kv_storage_name(to.storage));
    if (to.tiling.vae && !from.tiling.vae) add("tile-vae=true");
    if (to.tiling.dit && !from.tiling.dit) add("tile-dit=true");
    const bool tiled = to.tiling.vae || to.tiling.dit;
    if (tiled && !from.tiling.vae && !from.tiling.dit)
        add("tile-size=" + std::to_string(to.tiling.size * kWindowPixels) +
            " overlap=" + std::to_string(to.tiling.overlap * kWindowPixels));
    return text;
}

MemoryPlan plan_of(const MemoryQuery& query, const MemoryQuery& asked, const FreeMemory& free) {
    return {query.storage, query.tiling, estimate_memory(query), free,
            changes_between(asked, query)};
}

// The steps of the ladder that need less than all before them.
std::vector<MemoryPlan> ladder(const MemoryPlan& asked, const MemoryQuery& query) {
    std::vector<MemoryPlan> plans;
    int64_t least = asked.estimate.stream();
    for (const Step& step : kLadder) {
        MemoryPlan plan = plan_of(apply(step, query), query, asked.free);
        if (plan.estimate.stream() >= least) continue;
        least = plan.estimate.stream();
        plans.push_back(std::move(plan));
    }
    return plans;
}

bool fits(const MemoryPlan& plan) {
    return !plan.free.known || plan.estimate.stream() <= plan.free.bytes;
}

[[noreturn]] void refuse(const MemoryPlan& asked, const std::vector<MemoryPlan>& others) {
    std::string message = "a stream of this size needs " + in_gib(asked.estimate.stream()) +
                          " of device memory beside the model's " + in_gib(asked.estimate.weights) +
                          ", and " + in_gib(asked.free.bytes) + " are free";
    std::string fitting;
    for (const MemoryPlan& plan : others)
        if (fits(plan))
            fitting += (fitting.empty() ? "" : "; ") + plan.changes + " needs " +
                       in_gib(plan.estimate.stream());
    if (!fitting.empty())
        throw Error(Error::Kind::kNoMemory, message + ". " + fitting + ". memory=auto chooses");
    if (!others.empty())
        message += "; the least, with " + others.back().changes + ", is " +
                   in_gib(others.back().estimate.stream());
    throw Error(Error::Kind::kNoMemory, message);
}

}  // namespace

const char* kv_storage_name(KvStorage storage) { return kStorageNames[static_cast<int>(storage)]; }

KvStorage parse_kv_storage(const std::string& name) {
    const auto found = std::find(std::begin(kStorageNames), std::end(kStorageNames), name);
    if (found == std::end(kStorageNames))
        throw Error(Error::Kind::kInvalidArgument,
                    "unknown kv-cache \"" + name + "\"; there are device, int8, host, host-int8");
    return static_cast<KvStorage>(found - std::begin(kStorageNames));
}

MemoryPlan plan_memory(const MemoryQuery& query, const FreeMemory& free, bool automatic) {
    MemoryPlan asked = plan_of(query, query, free);
    if (fits(asked)) return asked;
    const std::vector<MemoryPlan> others = ladder(asked, query);
    const auto chosen = std::find_if(others.begin(), others.end(), fits);
    if (automatic && chosen != others.end()) return *chosen;
    refuse(asked, others);
}

#ifdef FLASHVSR_CUDA

namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

struct DeviceUse {
    int64_t total = 0, free = 0;
    int64_t reserved = 0, allocated = 0;  // by LibTorch's allocator
    // By the driver, by libraries and by other processes.
    int64_t outside() const { return total - free - reserved; }
};

DeviceUse use_of(const at::Device& device) {
    const c10::cuda::CUDAGuard guard(device);
    size_t free = 0, total = 0;
    FLASHVSR_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    const auto stats = allocator::getDeviceStats(device.index());
    return {static_cast<int64_t>(total), static_cast<int64_t>(free),
            stats.reserved_bytes[0].current, stats.allocated_bytes[0].current};
}

int64_t size_of(const DeviceUse& use, int64_t limit) {
    return limit > 0 ? std::min(limit, use.total) : use.total;
}

}  // namespace

FreeMemory free_memory(const at::Device& device, int64_t limit, int64_t weights) {
    if (!device.is_cuda()) return {limit > 0, std::max<int64_t>(limit - weights, 0)};
    const DeviceUse use = use_of(device);
    return {true, std::max<int64_t>(size_of(use, limit) - use.outside() - use.allocated, 0)};
}

void limit_allocator(const at::Device& device, int64_t limit) {
    if (!device.is_cuda()) return;
    const DeviceUse use = use_of(device);
    const int64_t rest = size_of(use, limit) - use.outside() - kLibraryBytes;
    const double share =
        limit > 0 ? static_cast<double>(rest) / static_cast<double>(use.total) : 1.0;
    allocator::setMemoryFraction(std::clamp(share, 0.0, 1.0), device.index());
}

#else

FreeMemory free_memory(const at::Device&, int64_t limit, int64_t weights) {
    return {limit > 0, std::max<int64_t>(limit - weights, 0)};
}

void limit_allocator(const at::Device&, int64_t) {}

#endif

}  // namespace flashvsr
