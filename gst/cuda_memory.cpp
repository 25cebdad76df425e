// SPDX-License-Identifier: Apache-2.0
#include "gst/cuda_memory.h"

#include <utility>

#include "gst/log.h"

#ifdef FLASHVSR_GST_CUDA
#include <dlfcn.h>
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudaloader.h>
#include <gst/cuda/gstcudautils.h>
#endif

#define GST_CAT_DEFAULT flashvsr_cuda_debug

namespace flashvsr {

bool has_cuda_memory(const GstCaps* caps, guint index) {
    const GstCapsFeatures* features = gst_caps_get_features(caps, index);
    return features && gst_caps_features_contains(features, FLASHVSR_CUDA_MEMORY_FEATURE);
}

#ifdef FLASHVSR_GST_CUDA

static_assert(static_cast<int>(GST_MAP_CUDA) == kMapCuda);

namespace {

// What libgstcuda does not pass on.
struct Driver {
    decltype(&cuDevicePrimaryCtxRetain) retain_primary = nullptr;
    decltype(&cuMemcpy3DPeerAsync) copy_between_contexts = nullptr;

    bool usable() const { return retain_primary && copy_between_contexts; }
};

// NULL without a driver.
const Driver* driver() {
    static const Driver loaded = [] {
        Driver result;
        if (!gst_cuda_load_library() || CuInit(0) != CUDA_SUCCESS) return result;
        gst_cuda_memory_init_once();  // pools need it, and no other element need be there
        void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
        if (!library) return result;
        const auto load = [library](auto* function, const char* name) {
            *function =
                reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(library, name));
        };
        load(&result.retain_primary, "cuDevicePrimaryCtxRetain");
        load(&result.copy_between_contexts, "cuMemcpy3DPeerAsync");
        return result;
    }();
    return loaded.usable() ? &loaded : nullptr;
}

// Number of the device that the property names, -1 for the CPU.
int device_number(const std::string& device) {
    if (device == "cpu") return -1;
    return device.rfind("cuda:", 0) == 0 ? atoi(device.c_str() + 5) : 0;
}

// Retained for the life of the process, as LibTorch does.
CUcontext primary_handle(int number) {
    CUdevice device = 0;
    CUcontext context = nullptr;
    if (number < 0 || !driver() || CuDeviceGet(&device, number) != CUDA_SUCCESS ||
        driver()->retain_primary(&context, device) != CUDA_SUCCESS) {
        return nullptr;
    }
    return context;
}

CUcontext handle_of(GstCudaContext* context) {
    return static_cast<CUcontext>(gst_cuda_context_get_handle(context));
}

GstCudaMemory* cuda_memory_of(GstBuffer* buffer) {
    GstMemory* memory =
        gst_buffer_n_memory(buffer) > 0 ? gst_buffer_peek_memory(buffer, 0) : nullptr;
    return memory && gst_is_cuda_memory(memory) ? GST_CUDA_MEMORY_CAST(memory) : nullptr;
}

// A context current to the thread for as long as the object lives.
class Current {
  public:
    explicit Current(GstCudaContext* context) : pushed_(gst_cuda_context_push(context)) {}
    ~Current() {
        if (pushed_) gst_cuda_context_pop(nullptr);
    }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

  private:
    const bool pushed_;
};

}  // namespace

bool cuda_memory_is_built_in() { return true; }

bool is_in_cuda_memory(GstBuffer* buffer) { return cuda_memory_of(buffer) != nullptr; }

// ---- contexts --------------------------------------------------------------------------------

CudaContext::~CudaContext() {
    for (const auto& [number, context] : primaries_) gst_object_unref(context);
}

GstCudaContext* CudaContext::known(int number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = primaries_.find(number);
    return found == primaries_.end() ? nullptr : found->second;
}

void CudaContext::offer(GstContext* context) {
    if (!gst_context_has_context_type(context, GST_CUDA_CONTEXT_TYPE)) return;
    const int number = device_number(properties_->get().device);
    GstCudaContext* offered = nullptr;
    if (number < 0 || !driver() ||
        !gst_cuda_handle_set_context(element_, context, number, &offered) || !offered) {
        return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (handle_of(offered) == primary_handle(number) &&
        primaries_.try_emplace(number, offered).second) {
        GST_DEBUG_OBJECT(element_, "joining %" GST_PTR_FORMAT, offered);
    } else {
        gst_object_unref(offered);
    }
}

bool CudaContext::answer(GstQuery* query) {
    const gchar* type = nullptr;
    return gst_query_parse_context_type(query, &type) &&
           g_strcmp0(type, GST_CUDA_CONTEXT_TYPE) == 0 &&
           gst_cuda_handle_context_query(element_, query, primary());
}

GstCudaContext* CudaContext::primary() {
    const int number = device_number(properties_->get().device);
    if (number < 0 || !driver()) return nullptr;
    if (!known(number)) {
        // Answered, if at all, by a call of offer() meanwhile.
        gst_element_post_message(element_, gst_message_new_need_context(GST_OBJECT_CAST(element_),
                                                                        GST_CUDA_CONTEXT_TYPE));
    }
    const CUcontext handle = primary_handle(number);
    CUdevice device = 0;
    GstCudaContext* made = nullptr;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = primaries_.find(number);
        if (found != primaries_.end()) return found->second;
        if (!handle || CuDeviceGet(&device, number) != CUDA_SUCCESS) return nullptr;
        made = gst_cuda_context_new_wrapped(handle, device);
        primaries_[number] = made;
    }
    GST_DEBUG_OBJECT(element_, "publishing the primary context of device %d", number);
    GstContext* context = gst_context_new_cuda_context(made);
    gst_element_set_context(element_, context);
    gst_element_post_message(element_,
                             gst_message_new_have_context(GST_OBJECT_CAST(element_), context));
    return made;
}

// ---- pools -----------------------------------------------------------------------------------

PoolPtr CudaContext::make_pool(GstCaps* caps) {
    GstVideoInfo info;
    GstCudaContext* context = primary();
    if (!context || !gst_video_info_from_caps(&info, caps)) {
        GST_ELEMENT_ERROR(element_, RESOURCE, NOT_FOUND,
                          ("There is no CUDA device for frames in CUDA memory."), (nullptr));
        return nullptr;
    }
    PoolPtr pool(gst_cuda_buffer_pool_new(context));
    GstStructure* config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, caps, GST_VIDEO_INFO_SIZE(&info), 0, 0);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (!gst_buffer_pool_set_config(pool.get(), config)) return nullptr;
    return pool;
}

bool CudaContext::owns(GstBufferPool* pool) {
    return pool && GST_IS_CUDA_BUFFER_POOL(pool) && primary() &&
           handle_of(GST_CUDA_BUFFER_POOL_CAST(pool)->context) == handle_of(primary());
}

// ---- frames ----------------------------------------------------------------------------------

CudaInput::~CudaInput() { forget(); }

void CudaInput::forget() {
    copy_.reset();
    if (!stream_) return;
    const Current current(stream_context_);
    CuStreamDestroy(static_cast<CUstream>(std::exchange(stream_, nullptr)));
}

std::unique_ptr<MappedFrame> CudaInput::map(GstBuffer* buffer, const GstVideoInfo& info) {
    GstCudaMemory* memory = cuda_memory_of(buffer);
    if (!memory || !context_->primary()) return nullptr;
#if GST_CHECK_VERSION(1, 24, 0)
    gst_cuda_memory_sync(memory);
#endif
    if (handle_of(memory->context) != handle_of(context_->primary())) {
        if (!copy(buffer, info)) return nullptr;
        buffer = copy_.get();
    }
    return std::make_unique<MappedFrame>(buffer, info, GST_MAP_READ | kMapCuda);
}

// A frame in the primary context.
BufferPtr CudaInput::make_copy(const GstVideoInfo& info) const {
    GST_DEBUG("frames come in another context and are copied");
    GstVideoInfo fixed = info;
    GstCaps* caps = gst_video_info_to_caps(&fixed);
    gst_caps_set_features(caps, 0, gst_caps_features_new(FLASHVSR_CUDA_MEMORY_FEATURE, nullptr));
    const PoolPtr pool = context_->make_pool(caps);
    gst_caps_unref(caps);
    GstBuffer* buffer = nullptr;
    if (!pool || !gst_buffer_pool_set_active(pool.get(), TRUE) ||
        gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr) != GST_FLOW_OK) {
        return nullptr;
    }
    gst_buffer_pool_set_active(pool.get(), FALSE);  // it goes when the buffer does
    return BufferPtr(buffer);
}

// In the primary context, which is current. The default one of either context has work of others.
// NULL: it could not be made.
gpointer CudaInput::stream() {
    CUstream made = nullptr;
    if (!stream_ && CuStreamCreate(&made, CU_STREAM_NON_BLOCKING) == CUDA_SUCCESS) {
        stream_ = made;
        stream_context_ = context_->primary();
    }
    return stream_;
}

// Into `copy_`.
bool CudaInput::copy(GstBuffer* buffer, const GstVideoInfo& info) {
    if (!copy_) copy_ = make_copy(info);
    if (!copy_) return false;
    MappedFrame from(buffer, info, GST_MAP_READ | kMapCuda);
    MappedFrame to(copy_.get(), info, GST_MAP_WRITE | kMapCuda);
    GstCudaContext* primary = context_->primary();
    const Current current(primary);
    if (!from || !to) return false;
    auto* const stream = static_cast<CUstream>(this->stream());
    if (!stream) return false;
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(from.video()); plane++) {
        CUDA_MEMCPY3D_PEER part = {};
        gint component[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(info.finfo, plane, component);
        part.srcMemoryType = part.dstMemoryType = CU_MEMORYTYPE_DEVICE;
        part.srcContext = handle_of(cuda_memory_of(buffer)->context);
        part.dstContext = handle_of(primary);
        part.srcDevice =
            reinterpret_cast<CUdeviceptr>(GST_VIDEO_FRAME_PLANE_DATA(from.video(), plane));
        part.dstDevice =
            reinterpret_cast<CUdeviceptr>(GST_VIDEO_FRAME_PLANE_DATA(to.video(), plane));
        part.srcPitch = GST_VIDEO_FRAME_PLANE_STRIDE(from.video(), plane);
        part.dstPitch = GST_VIDEO_FRAME_PLANE_STRIDE(to.video(), plane);
        part.WidthInBytes = GST_VIDEO_FRAME_COMP_WIDTH(from.video(), component[0]) *
                            GST_VIDEO_FRAME_COMP_PSTRIDE(from.video(), component[0]);
        part.Height = part.srcHeight = part.dstHeight =
            GST_VIDEO_FRAME_COMP_HEIGHT(from.video(), component[0]);
        part.Depth = 1;
        if (driver()->copy_between_contexts(&part, stream) != CUDA_SUCCESS) return false;
    }
    return CuStreamSynchronize(stream) == CUDA_SUCCESS;
}

bool CudaInput::copy_rows(MappedFrame* frame, guint plane, int step, int count, int bytes,
                          guint8* to) {
    const Current current(context_->primary());
    auto* const stream = static_cast<CUstream>(this->stream());
    if (!stream) return false;
    CUDA_MEMCPY2D rows = {};
    rows.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    rows.srcDevice =
        reinterpret_cast<CUdeviceptr>(GST_VIDEO_FRAME_PLANE_DATA(frame->video(), plane));
    rows.srcPitch = gsize(step) * GST_VIDEO_FRAME_PLANE_STRIDE(frame->video(), plane);
    rows.dstMemoryType = CU_MEMORYTYPE_HOST;
    rows.dstHost = to;
    rows.dstPitch = rows.WidthInBytes = bytes;
    rows.Height = count;
    return CuMemcpy2DAsync(&rows, stream) == CUDA_SUCCESS &&
           CuStreamSynchronize(stream) == CUDA_SUCCESS;
}

#else  // without libgstcuda

bool cuda_memory_is_built_in() { return false; }
bool is_in_cuda_memory(GstBuffer*) { return false; }

CudaContext::~CudaContext() = default;
void CudaContext::offer(GstContext*) {}
bool CudaContext::answer(GstQuery*) { return false; }
GstCudaContext* CudaContext::primary() { return nullptr; }
PoolPtr CudaContext::make_pool(GstCaps*) { return nullptr; }
bool CudaContext::owns(GstBufferPool*) { return false; }

CudaInput::~CudaInput() = default;
std::unique_ptr<MappedFrame> CudaInput::map(GstBuffer*, const GstVideoInfo&) { return nullptr; }
bool CudaInput::copy_rows(MappedFrame*, guint, int, int, int, guint8*) { return false; }
void CudaInput::forget() {}

#endif

}  // namespace flashvsr
