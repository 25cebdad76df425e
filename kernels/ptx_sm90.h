// SPDX-License-Identifier: Apache-2.0
// The PTX instructions of compute capability 9.0a that CUDA C++ has no name for. Only for .cu files
// that are compiled for sm_90a. Shared memory is addressed as in ptx_sm80.h.
#pragma once

#include <cuda.h>
#include <cuda_fp8.h>

#include <type_traits>

#include "kernels/ptx_sm80.h"

namespace flashvsr::kernels::ptx {

// ---- mbarriers: 8 bytes of shared memory each; a phase ends when all arrivals and bytes are in

__device__ inline void mbarrier_init(uint32_t barrier, uint32_t arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals)
                 : "memory");
}

// Shows initialised barriers to the copy engine. Before the __syncthreads() that shows them to all.
__device__ inline void mbarrier_init_fence() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void mbarrier_arrive(uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// Arrives, and makes the phase wait for `bytes` more of the copy engine's.
__device__ inline void mbarrier_arrive_expect(uint32_t barrier, uint32_t bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}

// Waits for the end of the phase of this parity: 0 for the first, then 1, 0, ... A barrier that is
// in its first phase lets parity 1 pass.
__device__ inline void mbarrier_wait(uint32_t barrier, uint32_t parity) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@!done bra again;\n"
        "}\n" ::"r"(barrier),
        "r"(parity)
        : "memory");
}

// Whether that phase has ended.
__device__ inline bool mbarrier_test(uint32_t barrier, uint32_t parity) {
    uint32_t ended;
    asm volatile(
        "{\n"
        ".reg .pred ended;\n"
        "mbarrier.test_wait.parity.shared::cta.b64 ended, [%1], %2;\n"
        "selp.b32 %0, 1, 0, ended;\n"
        "}\n"
        : "=r"(ended)
        : "r"(barrier), "r"(parity)
        : "memory");
    return ended;
}

// ---- tensor copies; coordinates in elements, the innermost dimension first

#define FLASHVSR_TMA_LOAD(RANK) \
    "cp.async.bulk.tensor." #RANK "d.shared::cta.global.mbarrier::complete_tx::bytes [%0], "
#define FLASHVSR_TMA_STORE(RANK) "cp.async.bulk.tensor." #RANK "d.global.shared::cta.bulk_group "

// One box to shared memory at `to`, counted by the barrier. Outside the tensor lie zeros.
__device__ inline void tma_load(uint32_t to, const CUtensorMap* map, uint32_t barrier, int c0,
                                int c1) {
    asm volatile(FLASHVSR_TMA_LOAD(2) "[%1, {%3, %4}], [%2];" ::"r"(to), "l"(map), "r"(barrier),
                 "r"(c0), "r"(c1)
                 : "memory");
}
__device__ inline void tma_load(uint32_t to, const CUtensorMap* map, uint32_t barrier, int c0,
                                int c1, int c2) {
    asm volatile(FLASHVSR_TMA_LOAD(3) "[%1, {%3, %4, %5}], [%2];" ::"r"(to), "l"(map), "r"(barrier),
                 "r"(c0), "r"(c1), "r"(c2)
                 : "memory");
}
__device__ inline void tma_load(uint32_t to, const CUtensorMap* map, uint32_t barrier, int c0,
                                int c1, int c2, int c3) {
    asm volatile(FLASHVSR_TMA_LOAD(4) "[%1, {%3, %4, %5, %6}], [%2];" ::"r"(to), "l"(map),
                 "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
                 : "memory");
}
__device__ inline void tma_load(uint32_t to, const CUtensorMap* map, uint32_t barrier, int c0,
                                int c1, int c2, int c3, int c4) {
    asm volatile(FLASHVSR_TMA_LOAD(5) "[%1, {%3, %4, %5, %6, %7}], [%2];" ::"r"(to), "l"(map),
                 "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
                 : "memory");
}

// One box from shared memory at `from`; what lies outside the tensor is dropped.
__device__ inline void tma_store(const CUtensorMap* map, uint32_t from, int c0, int c1) {
    asm volatile(FLASHVSR_TMA_STORE(2) "[%0, {%2, %3}], [%1];" ::"l"(map), "r"(from), "r"(c0),
                 "r"(c1)
                 : "memory");
}
__device__ inline void tma_store(const CUtensorMap* map, uint32_t from, int c0, int c1, int c2) {
    asm volatile(FLASHVSR_TMA_STORE(3) "[%0, {%2, %3, %4}], [%1];" ::"l"(map), "r"(from), "r"(c0),
                 "r"(c1), "r"(c2)
                 : "memory");
}
__device__ inline void tma_store(const CUtensorMap* map, uint32_t from, int c0, int c1, int c2,
                                 int c3) {
    asm volatile(FLASHVSR_TMA_STORE(4) "[%0, {%2, %3, %4, %5}], [%1];" ::"l"(map), "r"(from),
                 "r"(c0), "r"(c1), "r"(c2), "r"(c3)
                 : "memory");
}
__device__ inline void tma_store(const CUtensorMap* map, uint32_t from, int c0, int c1, int c2,
                                 int c3, int c4) {
    asm volatile(FLASHVSR_TMA_STORE(5) "[%0, {%2, %3, %4, %5, %6}], [%1];" ::"l"(map), "r"(from),
                 "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
                 : "memory");
}

#undef FLASHVSR_TMA_LOAD
#undef FLASHVSR_TMA_STORE

// Ends a group of this thread's stores.
__device__ inline void tma_store_commit() {
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

// Waits until at most kPending of this thread's newest groups still read their shared memory.
template <int kPending>
__device__ inline void tma_store_wait_read() {
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(kPending) : "memory");
}

// ---- matrices to shared memory

// The reverse of ldmatrix_x4.
__device__ inline void stmatrix_x4(uint32_t to, const uint32_t (&from)[4]) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to),
                 "r"(from[0]), "r"(from[1]), "r"(from[2]), "r"(from[3])
                 : "memory");
}

// ---- order and registers

// Shows this thread's ordinary shared memory accesses to the copy engine and the tensor cores.
__device__ inline void fence_proxy_async() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Barriers 1 to 15 among `threads` threads (a multiple of 32); __syncthreads() is 0.
__device__ inline void named_barrier_sync(int barrier, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}
__device__ inline void named_barrier_arrive(int barrier, int threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

// Sets the registers of each thread of a warpgroup, a multiple of 8 from 24 to 240.
template <int kRegisters>
__device__ inline void decrease_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ inline void increase_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// ---- wgmma: d [64, N] (+)= a [64, K] b [N, K]^T by the four warps of a warpgroup
//
// K is 32 bytes: 16 elements of 16 bits, 32 of e4m3. Warp w of the group holds rows 16 w to
// 16 w + 15 of d; a lane holds of every eight columns (d[4 i] to d[4 i + 3] for columns 8 i on) the
// columns 2 (lane % 4) and the next of rows lane / 4 (first two) and lane / 4 + 8 (last two).
// A left operand in registers has the layout of mma_32_bytes's: a[0], a[1] rows lane / 4 and
// lane / 4 + 8 of the first eight columns, a[2], a[3] of the second eight, two columns each; for
// e4m3 four columns each, of 16.

// A matrix in shared memory, written by the copy engine with its 128-byte swizzle; every 128-byte
// row of eight starts at a multiple of 1024 bytes. Two ways to lie there:
//  - K innermost: rows of 128 bytes of K, `stride_bytes` from eight rows to the next eight (1024
//    where they are dense); `leading_bytes` plays no part. The next 32 bytes of K: address + 32.
//  - rows innermost ("transposed", 16-bit b only): 128 bytes hold 64 rows of one k; `stride_bytes`
//    from eight k to the next eight (1024), `leading_bytes` from 64 rows to the next 64.
__device__ inline uint64_t matrix_descriptor(uint32_t address, uint32_t leading_bytes,
                                             uint32_t stride_bytes) {
    constexpr uint64_t kSwizzle128 = 1;
    return uint64_t{(address & 0x3ffffu) >> 4} | uint64_t{leading_bytes >> 4} << 16 |
           uint64_t{stride_bytes >> 4} << 32 | kSwizzle128 << 62;
}
__device__ inline uint64_t matrix_descriptor(uint32_t address) {
    return matrix_descriptor(address, 16, 1024);
}
// The same matrix `bytes` further.
__device__ inline uint64_t advanced(uint64_t descriptor, uint32_t bytes) {
    return descriptor + (bytes >> 4);
}

// Before the first wgmma, and again where registers that one reads or adds to were written.
__device__ inline void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
__device__ inline void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// Keeps the compiler from moving uses of registers across this point: around the instructions that
// work on them in the background.
template <typename T, int kCount>
__device__ inline void hold(T (&registers)[kCount]) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
        if constexpr (std::is_same_v<T, float>) {
            asm volatile("" : "+f"(registers[i])::"memory");
        } else {
            asm volatile("" : "+r"(registers[i])::"memory");
        }
    }
}

// d = accumulate ? d + a b^T : a b^T, with both operands in shared memory or a in registers. T is
// __half, __nv_bfloat16 or __nv_fp8_e4m3, N the number of rows of b: 32, 48, 64, 96,
// 128 or 256.
template <typename T, bool kTransposedB = false>
struct Wgmma;

#define FLASHVSR_D4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define FLASHVSR_DS16(i) FLASHVSR_D4(i), FLASHVSR_D4(i + 4), FLASHVSR_D4(i + 8), FLASHVSR_D4(i + 12)
#define FLASHVSR_D16 FLASHVSR_DS16(0)
#define FLASHVSR_D24 FLASHVSR_D16, FLASHVSR_D4(16), FLASHVSR_D4(20)
#define FLASHVSR_D32 FLASHVSR_D16, FLASHVSR_DS16(16)
#define FLASHVSR_D48 FLASHVSR_D32, FLASHVSR_DS16(32)
#define FLASHVSR_D64 FLASHVSR_D32, FLASHVSR_DS16(32), FLASHVSR_DS16(48)
#define FLASHVSR_D128 \
    FLASHVSR_D64, FLASHVSR_DS16(64), FLASHVSR_DS16(80), FLASHVSR_DS16(96), FLASHVSR_DS16(112)
#define FLASHVSR_NAMES16 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15"
#define FLASHVSR_NAMES24 FLASHVSR_NAMES16 ",%16,%17,%18,%19,%20,%21,%22,%23"
#define FLASHVSR_NAMES32 FLASHVSR_NAMES24 ",%24,%25,%26,%27,%28,%29,%30,%31"
#define FLASHVSR_NAMES48 \
    FLASHVSR_NAMES32     \
    ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47"
#define FLASHVSR_NAMES64 \
    FLASHVSR_NAMES48     \
    ",%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define FLASHVSR_NAMES128                                                                  \
    FLASHVSR_NAMES64                                                                       \
    ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84" \
    ",%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103"     \
    ",%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119"     \
    ",%120,%121,%122,%123,%124,%125,%126,%127"

// N columns in REGISTERS registers; the operands that follow them are numbered P0 to P5.
#define FLASHVSR_WGMMA(N, REGISTERS, TYPES, TAIL_SHARED, TAIL_REGISTERS, P0, P1, P2, P3, P4, P5)  \
    __device__ static void multiply(float(&d)[REGISTERS], uint64_t a, uint64_t b,                 \
                                    bool accumulate) {                                            \
        asm volatile("{.reg .pred p; setp.ne.b32 p, %" #P2                                        \
                     ", 0;\n"                                                                     \
                     "wgmma.mma_async.sync.aligned.m64n" #N TYPES " {" FLASHVSR_NAMES##REGISTERS  \
                     "}, %" #P0 ", %" #P1 ", p, 1, 1" TAIL_SHARED ";}"                            \
                     : FLASHVSR_D##REGISTERS                                                      \
                     : "l"(a), "l"(b), "r"(int{accumulate}));                                     \
    }                                                                                             \
    __device__ static void multiply(float(&d)[REGISTERS], const uint32_t(&a)[4], uint64_t b,      \
                                    bool accumulate) {                                            \
        asm volatile("{.reg .pred p; setp.ne.b32 p, %" #P5                                        \
                     ", 0;\n"                                                                     \
                     "wgmma.mma_async.sync.aligned.m64n" #N TYPES " {" FLASHVSR_NAMES##REGISTERS  \
                     "}, {%" #P0 ", %" #P1 ", %" #P2 ", %" #P3 "}, %" #P4                         \
                     ", p, 1, 1" TAIL_REGISTERS ";}"                                              \
                     : FLASHVSR_D##REGISTERS                                                      \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int{accumulate})); \
    }
#define FLASHVSR_WGMMA_SHAPES(TYPES, TAIL_SHARED, TAIL_REGISTERS)                       \
    FLASHVSR_WGMMA(32, 16, TYPES, TAIL_SHARED, TAIL_REGISTERS, 16, 17, 18, 19, 20, 21)  \
    FLASHVSR_WGMMA(48, 24, TYPES, TAIL_SHARED, TAIL_REGISTERS, 24, 25, 26, 27, 28, 29)  \
    FLASHVSR_WGMMA(64, 32, TYPES, TAIL_SHARED, TAIL_REGISTERS, 32, 33, 34, 35, 36, 37)  \
    FLASHVSR_WGMMA(96, 48, TYPES, TAIL_SHARED, TAIL_REGISTERS, 48, 49, 50, 51, 52, 53)  \
    FLASHVSR_WGMMA(128, 64, TYPES, TAIL_SHARED, TAIL_REGISTERS, 64, 65, 66, 67, 68, 69) \
    FLASHVSR_WGMMA(256, 128, TYPES, TAIL_SHARED, TAIL_REGISTERS, 128, 129, 130, 131, 132, 133)

template <>
struct Wgmma<__half> {
    FLASHVSR_WGMMA_SHAPES("k16.f32.f16.f16", ", 0, 0", ", 0")
};
template <>
struct Wgmma<__half, true> {
    FLASHVSR_WGMMA_SHAPES("k16.f32.f16.f16", ", 0, 1", ", 1")
};
template <>
struct Wgmma<__nv_bfloat16> {
    FLASHVSR_WGMMA_SHAPES("k16.f32.bf16.bf16", ", 0, 0", ", 0")
};
template <>
struct Wgmma<__nv_bfloat16, true> {
    FLASHVSR_WGMMA_SHAPES("k16.f32.bf16.bf16", ", 0, 1", ", 1")
};
template <>
struct Wgmma<__nv_fp8_e4m3> {
    FLASHVSR_WGMMA_SHAPES("k32.f32.e4m3.e4m3", "", "")
};

#undef FLASHVSR_WGMMA_SHAPES
#undef FLASHVSR_WGMMA
#undef FLASHVSR_NAMES128
#undef FLASHVSR_NAMES64
#undef FLASHVSR_NAMES48
#undef FLASHVSR_NAMES32
#undef FLASHVSR_NAMES24
#undef FLASHVSR_NAMES16
#undef FLASHVSR_D128
#undef FLASHVSR_D64
#undef FLASHVSR_D48
#undef FLASHVSR_D32
#undef FLASHVSR_D24
#undef FLASHVSR_D16
#undef FLASHVSR_DS16
#undef FLASHVSR_D4

}  // namespace flashvsr::kernels::ptx
