// SPDX-License-Identifier: Apache-2.0
// Tensors are row-major here and column-major to cuBLASLt, which therefore computes
// y^T [out, rows] = weight^T^T x^T from weight^T [in, out] and x^T [in, rows].
#include "kernels/matmul_cublaslt.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "kernels/cuda_check.h"
#include "kernels/matmul.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

void check(cublasStatus_t status, const char* expression, int line) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw CudaError(std::string(expression) + " failed: " + cublasLtGetStatusName(status) + " at " +
                    __FILE__ + ":" + std::to_string(line));
}
#define CHECK(expression) check((expression), #expression, __LINE__)

cudaDataType_t data_type(ElementType type) {
    return type == ElementType::kFloat16 ? CUDA_R_16F : CUDA_R_16BF;
}

// How cuBLASLt is told what to do. Held by value, so that every call has its own.
struct Description {
    cublasLtMatmulDescOpaque_t matmul;
    cublasLtMatrixLayoutOpaque_t weight, x, added, y;

    explicit Description(const Matmul& params) {
        CHECK(cublasLtMatmulDescInit(&matmul, CUBLAS_COMPUTE_32F, CUDA_R_32F));
        set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
        set(CUBLASLT_MATMUL_DESC_EPILOGUE, params.epilogue == MatmulEpilogue::kGelu
                                               ? CUBLASLT_EPILOGUE_GELU_BIAS
                                               : CUBLASLT_EPILOGUE_BIAS);
        const cudaDataType_t type = data_type(params.type);
        set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type);
        set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, params.bias);
        if (params.x_scale) {
            set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, params.weight_scale);
            set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, params.x_scale);
            set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, int8_t{1});
        }
        if (params.y_scale) set(CUBLASLT_MATMUL_DESC_D_SCALE_POINTER, params.y_scale);

        const cudaDataType_t in = params.x_scale ? CUDA_R_8F_E4M3 : type;
        const cudaDataType_t out = params.y_scale ? CUDA_R_8F_E4M3 : type;
        const auto rows = static_cast<uint64_t>(params.rows);
        CHECK(cublasLtMatrixLayoutInit(&weight, in, params.in, params.out, params.in));
        CHECK(cublasLtMatrixLayoutInit(&x, in, params.in, rows, params.in));
        CHECK(cublasLtMatrixLayoutInit(&added, type, params.out, rows, params.out));
        CHECK(cublasLtMatrixLayoutInit(&y, out, params.out, rows, params.out));
    }

  private:
    template <typename T>
    void set(cublasLtMatmulDescAttributes_t attribute, T value) {
        CHECK(cublasLtMatmulDescSetAttribute(&matmul, attribute, &value, sizeof value));
    }
};

// What makes two calls take the same algorithm.
using Key = std::tuple<int64_t, int, int, MatmulEpilogue, ElementType, bool, bool>;

Key key_of(const Matmul& params) {
    return {params.rows, params.in,      params.out,    params.epilogue,
            params.type, params.x_scale, params.y_scale};
}

// The library on one device, and the algorithms in use there.
class Library {
  public:
    // The current device's.
    static Library& current() {
        static std::mutex mutex;
        static std::map<int, Library> libraries;
        int device = 0;
        FLASHVSR_CUDA_CHECK(cudaGetDevice(&device));
        const std::lock_guard<std::mutex> lock(mutex);
        return libraries[device];
    }

    Library() { CHECK(cublasLtCreate(&handle_)); }
    ~Library() { cublasLtDestroy(handle_); }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    cublasLtHandle_t handle() const { return handle_; }

    cublasLtMatmulAlgo_t algorithm(const Matmul& params, Description& description) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = algorithms_.find(key_of(params));
        if (found != algorithms_.end()) return found->second;
        return algorithms_[key_of(params)] = choose(description);
    }

  private:
    cublasLtMatmulAlgo_t choose(Description& description) const {
        cublasLtMatmulPreferenceOpaque_t preference = matmul_preference();
        cublasLtMatmulHeuristicResult_t best;
        int found = 0;
        CHECK(cublasLtMatmulAlgoGetHeuristic(handle_, &description.matmul, &description.weight,
                                             &description.x, &description.added, &description.y,
                                             &preference, 1, &best, &found));
        if (found == 0) throw CudaError("cuBLASLt has no algorithm for this product");
        return best.algo;
    }

    cublasLtHandle_t handle_ = nullptr;
    std::mutex mutex_;
    std::map<Key, cublasLtMatmulAlgo_t> algorithms_;
};

void require_aligned(const Matmul& params) {
    const void* pointers[] = {params.x,       params.weight,       params.bias,   params.y,
                              params.x_scale, params.weight_scale, params.y_scale};
    for (const void* pointer : pointers) {
        require(reinterpret_cast<uintptr_t>(pointer) % kMatmulAlignment == 0,
                "matmul takes pointers aligned to 16 bytes");
    }
}

}  // namespace

cublasLtMatmulPreferenceOpaque_t matmul_preference() {
    cublasLtMatmulPreferenceOpaque_t preference;
    CHECK(cublasLtMatmulPreferenceInit(&preference));
    const uint32_t bytes = kMatmulAlignment;
    for (const auto matrix :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
        CHECK(cublasLtMatmulPreferenceSetAttribute(&preference, matrix, &bytes, sizeof bytes));
    }
    return preference;
}

void matmul_cuda(const Matmul& params, CudaStream stream) {
    const int unit = params.x_scale ? 16 : 8;
    require(params.type != ElementType::kFloat32, "matmul on CUDA takes a 16-bit type");
    require(!params.x_scale == !params.weight_scale, "matmul takes both input scales or none");
    require(!params.y_scale || (params.x_scale && params.epilogue != MatmulEpilogue::kAdd),
            "matmul gives e4m3 only from e4m3 and without adding");
    require(params.in % unit == 0 && params.out % unit == 0,
            "matmul takes sizes that 8 divides, with e4m3 16");
    require_aligned(params);
    if (params.rows == 0) return;
    Library& library = Library::current();
    Description description(params);
    const cublasLtMatmulAlgo_t algorithm = library.algorithm(params, description);
    const float alpha = 1.0f;
    const float beta = params.epilogue == MatmulEpilogue::kAdd ? 1.0f : 0.0f;
    // With beta 0 what would be added is not read, but its pointer must be that of y's type.
    const void* added = params.y_scale ? nullptr : params.y;
    CHECK(cublasLtMatmul(library.handle(), &description.matmul, &alpha, params.weight,
                         &description.weight, params.x, &description.x, &beta, added,
                         &description.added, params.y, &description.y, &algorithm, nullptr, 0,
                         stream));
}

}  // namespace flashvsr::kernels
