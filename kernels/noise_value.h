// SPDX-License-Identifier: Apache-2.0
// The maths of noise.h, one source for both devices. Only + - * / and sqrt of doubles, which IEEE
// 754 rounds the same way everywhere; compile without contraction (-ffp-contract=off, -fmad=false).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/host_device.h"

namespace flashvsr::kernels {

struct PhiloxBlock {
    uint32_t word[4];
};

// Philox4x32-10: ten rounds of Salmon et al.'s bijection of the counter under the key.
FLASHVSR_HOST_DEVICE inline PhiloxBlock philox(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t product0 = uint64_t{0xD2511F53u} * counter.word[0];
        const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter.word[2];
        counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0,
                    static_cast<uint32_t>(product1),
                    static_cast<uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1,
                    static_cast<uint32_t>(product0)}};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

// The four random words of elements 4 * group to 4 * group + 3 of a latent frame.
FLASHVSR_HOST_DEVICE inline PhiloxBlock noise_words(uint64_t seed, uint64_t latent_frame,
                                                    uint64_t group) {
    const PhiloxBlock counter = {{static_cast<uint32_t>(group), static_cast<uint32_t>(group >> 32),
                                  static_cast<uint32_t>(latent_frame),
                                  static_cast<uint32_t>(latent_frame >> 32)}};
    return philox(counter, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

// Natural logarithm of a normal positive number: x = m 2^e with m in [sqrt(1/2), sqrt(2)), then
// log m = 2 artanh((m - 1) / (m + 1)) by its series, 11 terms.
FLASHVSR_HOST_DEVICE inline double portable_log(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    // Adding the distance from sqrt(1/2) to 1 carries into the exponent where m would be too large.
    const uint64_t shifted = bits + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    const int exponent = static_cast<int>(shifted >> 52) - 1023;
    bits = (shifted & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu;
    double m;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1.0) / (m + 1.0);
    const double z = s * s;
    double sum = 1.0 / 21.0;
    for (int odd = 19; odd > 0; odd -= 2) sum = sum * z + 1.0 / odd;
    return exponent * 0.693147180559945309417 + 2.0 * s * sum;
}

// a[0] + a[1] x + ... + a[7] x^7
FLASHVSR_HOST_DEVICE inline double polynomial7(double x, double a0, double a1, double a2, double a3,
                                               double a4, double a5, double a6, double a7) {
    return ((((((a7 * x + a6) * x + a5) * x + a4) * x + a3) * x + a2) * x + a1) * x + a0;
}

// Inverse of the normal distribution function, Wichura's PPND16 (AS 241), for 0 < p < 1.
FLASHVSR_HOST_DEVICE inline double inverse_normal(double p) {
    const double q = p - 0.5;
    if (q >= -0.425 && q <= 0.425) {
        const double r = 0.180625 - q * q;
        return q *
               polynomial7(r, 3.3871328727963666080e0, 1.3314166789178437745e2,
                           1.9715909503065514427e3, 1.3731693765509461125e4,
                           4.5921953931549871457e4, 6.7265770927008700853e4,
                           3.3430575583588128105e4, 2.5090809287301226727e3) /
               polynomial7(r, 1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
                           5.3941960214247511077e3, 2.1213794301586595867e4,
                           3.9307895800092710610e4, 2.8729085735721942674e4,
                           5.2264952788528545610e3);
    }
    const double r = sqrt(-portable_log(q < 0 ? p : 1.0 - p));
    double tail;
    if (r <= 5.0) {
        tail = polynomial7(r - 1.6, 1.42343711074968357734e0, 4.63033784615654529590e0,
                           5.76949722146069140550e0, 3.64784832476320460504e0,
                           1.27045825245236838258e0, 2.41780725177450611770e-1,
                           2.27238449892691845833e-2, 7.74545014278341407640e-4) /
               polynomial7(r - 1.6, 1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
                           6.89767334985100004550e-1, 1.48103976427480074590e-1,
                           1.51986665636164571966e-2, 5.47593808499534494600e-4,
                           1.05075007164441684324e-9);
    } else {
        tail = polynomial7(r - 5.0, 6.65790464350110377720e0, 5.46378491116411436990e0,
                           1.78482653991729133580e0, 2.96560571828504891230e-1,
                           2.65321895265761230930e-2, 1.24266094738807843860e-3,
                           2.71155556874348757815e-5, 2.01033439929228813265e-7) /
               polynomial7(r - 5.0, 1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
                           1.48753612908506148525e-2, 7.86869131145613259100e-4,
                           1.84631831751005468180e-5, 1.42151175831644588870e-7,
                           2.04426310338993978564e-15);
    }
    return q < 0 ? -tail : tail;
}

// One word as a normal deviate: the middle of its 2^-32 wide interval of probability.
FLASHVSR_HOST_DEVICE inline float noise_value(uint32_t word) {
    return static_cast<float>(inverse_normal((word + 0.5) * 0x1p-32));
}

}  // namespace flashvsr::kernels
