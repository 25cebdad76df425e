// SPDX-License-Identifier: Apache-2.0
#include "core/engine.h"

#include <ATen/Context.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <tuple>

#ifdef FLASHVSR_CUDA
#include <ATen/ops/empty.h>
#include <c10/core/AllocatorConfig.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include "core/log.h"
#include "core/precision.h"
#include "kernels/device.h"
#include "models/error.h"

namespace flashvsr {
namespace {

// What makes two requests the same engine.
using Key = std::tuple<std::string, std::string, at::ScalarType, Fp8, ModelVersion, std::string,
                       std::string, std::string>;

struct Registry {
    std::mutex mutex;
    // One lock per key, held while it loads, so that different models load side by side.
    std::map<Key, std::shared_ptr<std::timed_mutex>> loading;
    std::map<Key, std::weak_ptr<const Engine>> open;
};

Registry& registry() {
    static Registry instance;
    return instance;
}

int cuda_devices() {
#ifdef FLASHVSR_CUDA
    return c10::cuda::device_count();
#else
    return 0;
#endif
}

bool cuda_usable(int index) {
#ifdef FLASHVSR_CUDA
    return index < cuda_devices() &&
           kernels::cuda_device(index).capability >= kernels::kOldestCapability;
#else
    (void)index;
    return false;
#endif
}

ModelDescription describe(const std::string& dir, FlashvsrModelVersion version) {
    ModelDescription description = describe_model(dir);
    switch (version) {
        case FLASHVSR_MODEL_VERSION_AUTO: break;
        case FLASHVSR_MODEL_VERSION_1: description.version = ModelVersion::k1; break;
        case FLASHVSR_MODEL_VERSION_1_1: description.version = ModelVersion::k1_1; break;
        default: throw Error(Error::Kind::kInvalidArgument, "unknown model version");
    }
    return description;
}

DecoderChoice choose(const FlashvsrEngineConfig& config) {
    DecoderRequest request;
    switch (config.mode) {
        case FLASHVSR_MODE_TINY: request.mode = Mode::kTiny; break;
        case FLASHVSR_MODE_FULL: request.mode = Mode::kFull; break;
        default: throw Error(Error::Kind::kInvalidArgument, "unknown mode");
    }
    if (config.vae_type) request.type = config.vae_type;
    if (config.vae_path) request.path = config.vae_path;
    if (config.vae_adapter) request.adapter = config.vae_adapter;
    return choose_decoder(
        request, [](const std::string& warning) { log_line(LogLevel::kWarning, warning); });
}

std::string canonical(const std::string& path) {
    std::error_code ignored;
    return path.empty() ? path : std::filesystem::weakly_canonical(path, ignored).string();
}

// With segments that grow, the first allocations of a process on two devices must not meet: the
// driver then refuses one of them ("operation not permitted"). So a device's first comes alone.
void allocate_first(const at::Device& device) {
    static std::mutex mutex;
    const std::lock_guard<std::mutex> alone(mutex);
    if (device.is_cuda()) (void)at::empty({1}, at::TensorOptions(device));
}

void log_kernels(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda())
        log_line(LogLevel::kInfo,
                 device.str() + ": " + kernels::describe(kernels::cuda_device(device.index())));
#endif
    (void)device;
}

// Streams compute on CUDA streams of their own and must not overtake the load.
void finish_loading(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda()) c10::cuda::getCurrentCUDAStream(device.index()).synchronize();
#endif
    (void)device;
}

std::shared_ptr<const Engine> find_open(const Key& key) {
    const std::lock_guard<std::mutex> lock(registry().mutex);
    const auto found = registry().open.find(key);
    return found == registry().open.end() ? nullptr : found->second.lock();
}

std::shared_ptr<std::timed_mutex> loading_lock(const Key& key) {
    const std::lock_guard<std::mutex> lock(registry().mutex);
    std::shared_ptr<std::timed_mutex>& entry = registry().loading[key];
    if (!entry) entry = std::make_shared<std::timed_mutex>();
    return entry;
}

// What an engine is made from.
struct Source {
    std::string dir;
    ModelDescription description;
    DecoderChoice decoder;
};

Key key_of(const Source& source, const Placement& placement) {
    return {canonical(source.dir),
            placement.device.str(),
            placement.dtype,
            placement.fp8,
            source.description.version,
            source.decoder.type->name,
            canonical(source.decoder.path),
            canonical(source.decoder.adapter)};
}

std::shared_ptr<const Engine> open_source(const Source& source, const Placement& placement,
                                          const LoadProgress& progress);

// fp16 overflows where bf16 does not.
Engine::MakeFallback fallback_of(const Source& source, Placement placement) {
    if (placement.dtype != at::kHalf) return {};
    placement.dtype = at::kBFloat16;
    return
        [source, placement] { return open_source(source, placement, [](double, const char*) {}); };
}

std::shared_ptr<const Engine> open_source(const Source& source, const Placement& placement,
                                          const LoadProgress& progress) {
    const Key key = key_of(source, placement);
    const std::shared_ptr<std::timed_mutex> lock = loading_lock(key);
    std::unique_lock<std::timed_mutex> one_loader(*lock, std::defer_lock);
    while (!one_loader.try_lock_for(std::chrono::milliseconds(50))) progress(0.0, "waiting");
    if (std::shared_ptr<const Engine> shared = find_open(key)) return shared;

    const c10::NoGradGuard no_grad;
    const c10::DeviceGuard guard(placement.device);
    allocate_first(placement.device);
    log_kernels(placement.device);
    auto engine =
        std::make_shared<const Engine>(load_model(open_model_weights(source.dir, source.decoder),
                                                  source.description, placement, progress),
                                       fallback_of(source, placement));
    finish_loading(placement.device);
    const std::lock_guard<std::mutex> registry_lock(registry().mutex);
    registry().open[key] = engine;
    return engine;
}

// What LibTorch's allocator cut for a first chunk, three times as long, fits no later one. Segments
// that grow hold 10.6 GiB where fixed ones hold 12.4 (768x1408, bf16). To be said before anything
// is allocated; what the user says in the environment stays.
at::Device cuda_device(int index) {
#ifdef FLASHVSR_CUDA
    static const bool said = [] {
        const bool by_user =
            std::getenv("PYTORCH_CUDA_ALLOC_CONF") || std::getenv("PYTORCH_ALLOC_CONF");
        if (!by_user) c10::CachingAllocator::setAllocatorSettings("expandable_segments:True");
        return true;
    }();
    (void)said;
#endif
    return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace

at::Device parse_device(const std::string& name) {
    if (name == "cpu") return at::kCPU;
    if (name == "auto") return cuda_usable(0) ? cuda_device(0) : at::Device(at::kCPU);
    const bool numbered = name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() < 9 &&
                          name.find_first_not_of("0123456789", 5) == std::string::npos;
    if (name != "cuda" && !numbered)
        throw Error(Error::Kind::kInvalidArgument,
                    "unknown device \"" + name + "\"; use auto, cpu, cuda or cuda:N");
    const int index = numbered ? std::stoi(name.substr(5)) : 0;
    if (!cuda_usable(index))
        throw Error(Error::Kind::kBadSettings,
                    "device " + name + " cannot be used: " + std::to_string(cuda_devices()) +
                        " CUDA devices found, compute capability 8.0 or newer needed, or the " +
                        "engine was built without CUDA; use device=cpu or auto");
    return cuda_device(index);
}

// fp32 is fp32 and not TF32. Process-wide, since that is how LibTorch keeps it.
Engine::Engine(Model model, MakeFallback make_fallback)
    : model_(std::move(model)), make_fallback_(std::move(make_fallback)) {
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
}

std::shared_ptr<const Engine> Engine::fallback() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!fallback_ && !make_fallback_)
        throw Error(Error::Kind::kBadSettings,
                    "numbers overflow in this precision; set precision to auto or bf16");
    if (!fallback_) fallback_ = make_fallback_();
    return fallback_;
}

bool Engine::has_overflowed() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return fallback_ != nullptr;
}

std::shared_ptr<const Engine> Engine::open(const FlashvsrEngineConfig& config,
                                           const LoadProgress& progress) {
    if (!config.model_dir || !*config.model_dir)
        throw Error(Error::Kind::kInvalidArgument, "model_dir is not set");
    const Placement placement =
        placement_of(parse_device(config.device ? config.device : "auto"), config.precision);
    const Source source = {config.model_dir, describe(config.model_dir, config.model_version),
                           choose(config)};
    return open_source(source, placement, progress);
}

}  // namespace flashvsr
