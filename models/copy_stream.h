// SPDX-License-Identifier: Apache-2.0
// Copies between host and device beside the computation, and the host memory for them.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

namespace flashvsr {

struct TensorCopy {
    at::Tensor from, to;  // contiguous, of one size and type
};

// A CUDA stream for copies. Nothing on the CPU, where they are made when they are asked for. Calls
// on one stream may be captured in a CUDA graph, if what is begun in a capture is joined in it.
class CopyStream {
  public:
    explicit CopyStream(const at::Device& device);
    ~CopyStream();
    CopyStream(CopyStream&&) noexcept;

    // Begins copies when what is queued on the current stream now is done; that stream goes on
    // meanwhile. Memory of the host comes from host_memory(), and nobody frees or writes the
    // tensors before join().
    void copy(const std::vector<TensorCopy>& copies);
    // What is queued on the current stream from now on starts after the copies.
    void join();
    // Whatever an interrupted capture had begun is nobody's concern any more.
    void forget();

  private:
    struct Device;
    std::unique_ptr<Device> device_;
    bool pending_ = false;
};

// Memory of the host that CopyStream copies from and to, for work on the stream that is current
// now; it is freed when that stream's work is done. Throws Error kNoMemory.
at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, const at::Device& device);

// Returns when all that is queued on the current stream is done.
void wait_for_device(const at::Device& device);

}  // namespace flashvsr
