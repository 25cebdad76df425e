// SPDX-License-Identifier: Apache-2.0
// What cuBLASLt is told about matrices is what is asked of callers. Needs no GPU.
#include "kernels/matmul_cublaslt.h"

#include <cstdint>

#include "kernels/matmul.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

TEST(MatmulOnCuda, CountsOnNoBetterAlignmentThanItAsksFor) {
    cublasLtMatmulPreferenceOpaque_t preference = matmul_preference();
    for (const auto matrix :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
        uint32_t bytes = 0;
        size_t size = 0;
        ASSERT_EQ(
            cublasLtMatmulPreferenceGetAttribute(&preference, matrix, &bytes, sizeof bytes, &size),
            CUBLAS_STATUS_SUCCESS);
        EXPECT_EQ(bytes, kMatmulAlignment);
    }
}

TEST(MatmulOnCuda, RefusesWhatIsAlignedWorse) {
    alignas(256) static char memory[1024];
    Matmul params;
    params.x = params.weight = params.bias = params.y = memory;
    params.x_scale = params.weight_scale = params.y_scale = reinterpret_cast<float*>(memory);
    params.rows = 0;  // nothing is computed
    params.in = params.out = 16;
    params.type = ElementType::kBFloat16;
    EXPECT_NO_THROW(matmul_cuda(params, nullptr));
    params.x = memory + kMatmulAlignment;
    EXPECT_NO_THROW(matmul_cuda(params, nullptr));
    auto refused = [params](auto Matmul::*pointer, char* place) {
        Matmul changed = params;
        changed.*pointer = reinterpret_cast<std::decay_t<decltype(changed.*pointer)>>(place);
        EXPECT_THROW(matmul_cuda(changed, nullptr), std::invalid_argument);
    };
    char* odd = memory + kMatmulAlignment / 2;
    refused(&Matmul::x, odd);
    refused(&Matmul::weight, odd);
    refused(&Matmul::bias, odd);
    refused(&Matmul::y, odd);
    refused(&Matmul::x_scale, odd);
    refused(&Matmul::weight_scale, odd);
    refused(&Matmul::y_scale, odd);
}

}  // namespace
}  // namespace flashvsr::kernels
