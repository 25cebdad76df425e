// SPDX-License-Identifier: Apache-2.0
#include "core/graph_recorder.h"

#ifdef FLASHVSR_CUDA
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/cuda/MemPool.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/Exception.h>

#include <exception>
#include <map>
#include <mutex>
#endif

namespace flashvsr {

#ifdef FLASHVSR_CUDA

namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

// LibTorch does not give memory back while anything in the process, in whatever pool, allocates to
// a pool or records; asked to, it fails. So these take turns, over all streams. Replays need none.
std::mutex& pools() {
    static std::mutex mutex;
    return mutex;
}

// A share in the pool that LibTorch's allocator of pinned memory keeps under the same name. Without
// one the last recording takes that pool along, and then the name cannot be used again.
class HostPool {
  public:
    explicit HostPool(at::cuda::MempoolId_t pool) : pool_(pool) {
        at::getHostAllocator(at::kCUDA)->begin_allocate_to_pool(
            pool, [](const c10::Stream&) { return false; });
        at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(pool);
    }
    ~HostPool() {
        try {
            at::getHostAllocator(at::kCUDA)->release_pool(pool_);
        } catch (const std::exception&) {
            // Its pinned memory, if any, stays with the process.
        }
    }
    HostPool(const HostPool&) = delete;
    HostPool& operator=(const HostPool&) = delete;

  private:
    at::cuda::MempoolId_t pool_;
};

// While it lives, what the current stream allocates comes from the pool.
class PoolScope {
  public:
    PoolScope(c10::DeviceIndex device, at::cuda::MempoolId_t pool)
        : turn_(pools()), device_(device), pool_(pool) {
        const cudaStream_t stream = c10::cuda::getCurrentCUDAStream(device).stream();
        allocator::beginAllocateToPool(device, pool,
                                       [stream](cudaStream_t other) { return other == stream; });
    }
    ~PoolScope() {
        allocator::endAllocateToPool(device_, pool_);
        allocator::releasePool(device_, pool_);
    }
    PoolScope(const PoolScope&) = delete;
    PoolScope& operator=(const PoolScope&) = delete;

  private:
    std::lock_guard<std::mutex> turn_;
    c10::DeviceIndex device_;
    at::cuda::MempoolId_t pool_;
};

// The same memory without a share in it, so that the pool may hand it out again.
at::Tensor non_owning(const at::Tensor& x) {
    if (!x.defined()) return x;
    return at::from_blob(x.data_ptr(), x.sizes(), x.strides(), x.options());
}

}  // namespace

struct GraphRecorder::Recordings {
    struct Recording {
        at::cuda::CUDAGraph graph;
        Tensors results;  // borrowed
    };

    explicit Recordings(c10::DeviceIndex device) : device(device) {}

    // False where the driver or a library refuses: the work is then done call by call, as it is
    // without recordings, only slower.
    bool record(Recording& recording, const Tensors& inputs, const Work& work) {
        const std::lock_guard<std::mutex> turn(pools());
        bool capturing = false;
        try {
            // Other threads may allocate meanwhile.
            recording.graph.capture_begin(pool.id(), cudaStreamCaptureModeThreadLocal);
            capturing = true;
            for (const at::Tensor& result : work(inputs))
                recording.results.push_back(non_owning(result));
            capturing = false;
            recording.graph.capture_end();
            return true;
        } catch (const std::exception& error) {
            TORCH_WARN("CUDA graphs are off for this stream: ", error.what());
            if (capturing) end_capture(recording.graph);
            return false;
        }
    }

    static void end_capture(at::cuda::CUDAGraph& graph) {
        try {
            graph.capture_end();
        } catch (const std::exception&) {
            // The failure that led here was reported.
        }
        cudaGetLastError();
    }

    c10::DeviceIndex device;
    at::cuda::MemPool pool;  // outlives the graphs
    HostPool host_pool{pool.id()};
    std::map<int64_t, Recording> graphs;
    bool warm = false;
};

GraphRecorder::GraphRecorder(const at::Device& device, bool recordable)
    : enabled_(device.is_cuda() && recordable) {
    if (!enabled_) return;
    const c10::cuda::CUDAGuard guard(device);  // the pool is the current device's
    recordings_ = std::make_unique<Recordings>(device.index());
}

GraphRecorder::Tensors GraphRecorder::run_in_pool(const Tensors& inputs, const Work& work) {
    const PoolScope scope(recordings_->device, recordings_->pool.id());
    return work(inputs);
}

const GraphRecorder::Tensors& GraphRecorder::fixed(const Tensors& inputs) {
    if (inputs_.empty())
        for (const at::Tensor& input : inputs) inputs_.push_back(at::empty_like(input));
    for (size_t i = 0; i < inputs.size(); ++i) inputs_[i].copy_(inputs[i]);
    return inputs_;
}

GraphRecorder::Tensors GraphRecorder::run(const std::optional<int64_t>& key, const Tensors& given,
                                          const Work& work) {
    if (!enabled_) return work(given);
    if (!key) return run_in_pool(given, work);
    const Tensors& inputs = fixed(given);
    if (!recordings_->warm) {
        recordings_->warm = true;
        {
            // What was cut for work of other sizes would lie idle beside this work's.
            const std::lock_guard<std::mutex> turn(pools());
            allocator::emptyCache(recordings_->pool.id());
        }
        return run_in_pool(inputs, work);
    }
    const auto [found, is_new] = recordings_->graphs.try_emplace(*key);
    if (is_new && !recordings_->record(found->second, inputs, work)) {
        recordings_->graphs.erase(found);
        enabled_ = false;
        return run_in_pool(inputs, work);
    }
    found->second.graph.replay();
    return found->second.results;
}

void GraphRecorder::clear() {
    if (!enabled_) return;
    const std::lock_guard<std::mutex> turn(pools());
    recordings_->graphs.clear();
    recordings_->warm = false;
}

GraphRecorder::~GraphRecorder() {
    const std::lock_guard<std::mutex> turn(pools());
    recordings_.reset();
}

#else

struct GraphRecorder::Recordings {};

GraphRecorder::GraphRecorder(const at::Device&, bool) : enabled_(false) {}
GraphRecorder::Tensors GraphRecorder::run(const std::optional<int64_t>&, const Tensors& inputs,
                                          const Work& work) {
    return work(inputs);
}
void GraphRecorder::clear() {}
GraphRecorder::~GraphRecorder() = default;

#endif

}  // namespace flashvsr
