#include "core/graph_recorder.h"

#ifdef FLASHVSR_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/cuda/MemPool.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>

#include <map>
#endif

namespace flashvsr {

#ifdef FLASHVSR_CUDA

namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

// While it lives, what the current stream allocates comes from the pool.
class PoolScope {
  public:
    PoolScope(c10::DeviceIndex device, at::cuda::MempoolId_t pool) : device_(device), pool_(pool) {
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
    c10::DeviceIndex device_;
    at::cuda::MempoolId_t pool_;
};

// The same memory without a share in it, so that the pool may hand it out again.
at::Tensor borrowed(const at::Tensor& x) {
    if (!x.defined()) return x;
    return at::from_blob(x.data_ptr(), x.sizes(), x.strides(), x.options());
}

}  // namespace

struct GraphRecorder::Recordings {
    struct Recording {
        at::cuda::CUDAGraph graph;
        std::vector<at::Tensor> results;  // borrowed
    };

    explicit Recordings(c10::DeviceIndex device) : device(device) {}

    std::vector<at::Tensor> record(Recording& recording, const Work& work) {
        // Other threads may allocate meanwhile.
        recording.graph.capture_begin(pool.id(), cudaStreamCaptureModeThreadLocal);
        try {
            for (const at::Tensor& result : work()) recording.results.push_back(borrowed(result));
        } catch (...) {
            recording.graph.capture_end();
            throw;
        }
        recording.graph.capture_end();
        return recording.results;
    }

    c10::DeviceIndex device;
    at::cuda::MemPool pool;  // outlives the graphs
    std::map<int64_t, Recording> graphs;
    bool warm = false;
};

GraphRecorder::GraphRecorder(const at::Device& device, bool recordable)
    : enabled_(device.is_cuda() && recordable) {
    if (enabled_) recordings_ = std::make_unique<Recordings>(device.index());
}

std::vector<at::Tensor> GraphRecorder::run(const Work& work) {
    if (!enabled_) return work();
    const PoolScope scope(recordings_->device, recordings_->pool.id());
    return work();
}

std::vector<at::Tensor> GraphRecorder::run(int64_t key, const Work& work) {
    if (!enabled_ || !recordings_->warm) {
        if (enabled_) recordings_->warm = true;
        return run(work);
    }
    const auto [found, is_new] = recordings_->graphs.try_emplace(key);
    Recordings::Recording& recording = found->second;
    try {
        if (is_new) recordings_->record(recording, work);
        recording.graph.replay();
    } catch (...) {
        recordings_->graphs.erase(found);
        throw;
    }
    return recording.results;
}

void GraphRecorder::clear() {
    if (!enabled_) return;
    recordings_->graphs.clear();
    recordings_->warm = false;
}

#else

struct GraphRecorder::Recordings {};

GraphRecorder::GraphRecorder(const at::Device&, bool) : enabled_(false) {}
std::vector<at::Tensor> GraphRecorder::run(const Work& work) { return work(); }
std::vector<at::Tensor> GraphRecorder::run(int64_t, const Work& work) { return work(); }
void GraphRecorder::clear() {}

#endif

GraphRecorder::~GraphRecorder() = default;

}  // namespace flashvsr
