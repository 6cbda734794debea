// Conversions (clause B3), sums of stripes (R2) and the elementary functions (F), operation by operation.

#define INFINITE 0x7f800000u

// The exact value of a binary16.
FUNCTION float wide(uint bits)
{
    uint sign_bit = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31u, fraction = bits & 0x3ffu;
    if (exponent == 0u) {
        return FLOAT_OF(sign_bit | BITS_OF((float)fraction * FLOAT_OF(0x33800000u)));
    }
    if (exponent == 31u) {
        return FLOAT_OF(sign_bit | (fraction == 0u ? INFINITE : 0x7fc00000u | fraction << 13));
    }
    return FLOAT_OF(sign_bit | (exponent + 112u) << 23 | fraction << 13);
}

// The nearest binary16, ties to even.
FUNCTION ushort narrow(float number)
{
    uint bits = BITS_OF(number), sign_bit = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > INFINITE) {
        return (ushort)(sign_bit | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    }
    if (magnitude >= 0x47800000u) {
        return (ushort)(sign_bit | 0x7c00u);
    }
    if (magnitude < 0x38800000u) {
        // Adding 1/2 makes the sum's own rounding cut at the spacing of binary16's subnormals.
        return (ushort)(sign_bit | (BITS_OF(FLOAT_OF(magnitude) + 0.5f) - 0x3f000000u));
    }
    uint rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u) - (112u << 23);
    return (ushort)(sign_bit | rounded >> 13);
}

// The sum of sixteen stripes, added in halves (clause R2).
FUNCTION float halves(const float *stripes)
{
    float sums[8];
    for (uint j = 0u; j < 8u; j++) {
        sums[j] = stripes[j] + stripes[j + 8u];
    }
    for (uint j = 0u; j < 4u; j++) {
        sums[j] = sums[j] + sums[j + 4u];
    }
    sums[0] = sums[0] + sums[2];
    sums[1] = sums[1] + sums[3];
    return sums[0] + sums[1];
}

// `e^r - 1` for small `r` (clause F1).
FUNCTION float exp_less_one(float r)
{
    float y = FLOAT_OF(0x39506967u);
    y = fma(y, r, FLOAT_OF(0x3ab743ceu));
    y = fma(y, r, FLOAT_OF(0x3c088908u));
    y = fma(y, r, FLOAT_OF(0x3d2aa9c1u));
    y = fma(y, r, FLOAT_OF(0x3e2aaaaau));
    y = fma(y, r, FLOAT_OF(0x3f000000u));
    return fma(y, r * r, r);
}

FUNCTION float f1_exp(float x)
{
    const float lowest = -104.0f, highest = 89.0f, round = 12582912.0f;
    // The bound is compared from the left, so that a NaN passes.
    x = lowest > x ? lowest : x;
    x = highest < x ? highest : x;
    float n = fma(x, FLOAT_OF(0x3fb8aa3bu), round) - round;
    float r = fma(n, -FLOAT_OF(0x3f318000u), x);
    r = fma(n, FLOAT_OF(0x395e8083u), r);
    float y = exp_less_one(r) + 1.0f;
    // The first product is exact, so that a subnormal result is rounded once.
    int whole = (int)n, first = whole >> 1;
    y = y * FLOAT_OF((uint)(first + 127) << 23);
    return y * FLOAT_OF((uint)(whole - first + 127) << 23);
}

FUNCTION float f2_sigmoid(float x)
{
    return 1.0f / (1.0f + f1_exp(-x));
}

FUNCTION float f3_silu(float x)
{
    return x / (1.0f + f1_exp(-x));
}

FUNCTION float f4_gelu(float x)
{
    float u = x * fma(x * x, FLOAT_OF(0xbd922279u), FLOAT_OF(0xbfcc422au));
    return x / (1.0f + f1_exp(u));
}

FUNCTION float f5_tanh(float x)
{
    float magnitude = fabs(x), z = x * x;
    float y = FLOAT_OF(0xbbbaf0eau);
    y = fma(y, z, FLOAT_OF(0x3ca9134fu));
    y = fma(y, z, FLOAT_OF(0xbd5c1e2du));
    y = fma(y, z, FLOAT_OF(0x3e088393u));
    y = fma(y, z, FLOAT_OF(0xbeaaaa99u));
    float small = fma(y * z, x, x);
    float large = 1.0f - 2.0f / (f1_exp(magnitude + magnitude) + 1.0f);
    large = x < 0.0f ? -large : large;
    return magnitude < 0.625f ? small : large;
}

FUNCTION float f9_softplus(float x)
{
    float y = f1_exp(-fabs(x)), s = y / (y + 2.0f), z = s * s;
    y = FLOAT_OF(0x3e0d9a37u);
    y = fma(y, z, FLOAT_OF(0x3e0fc9f1u));
    y = fma(y, z, FLOAT_OF(0x3e4ce147u));
    y = fma(y, z, FLOAT_OF(0x3eaaaa96u));
    float d = s + s;
    return (x > 0.0f ? x : 0.0f) + fma(y * z, d, d);
}

FUNCTION float f10_gelu_erf(float x)
{
    float z = fabs(x) * FLOAT_OF(0x3f3504f4u), t = 1.0f / fma(z, FLOAT_OF(0x3ea7ba05u), 1.0f);
    float y = FLOAT_OF(0x3f07dc22u);
    y = fma(y, t, FLOAT_OF(0xbf3a00e2u));
    y = fma(y, t, FLOAT_OF(0x3f35f0e3u));
    y = fma(y, t, FLOAT_OF(0xbe11a991u));
    y = fma(y, t, FLOAT_OF(0x3e027906u));
    y = y * t * f1_exp(-(z * z));
    return x * (x < 0.0f ? y : 1.0f - y);
}

FUNCTION float f11_relu(float x)
{
    return x < 0.0f ? 0.0f : x;
}

// At most 7 (clause F12); a NaN stays.
FUNCTION float at_most_7(float x)
{
    return 7.0f < x ? 7.0f : x;
}

FUNCTION float f12_bounded_silu(float x)
{
    float m = at_most_7(x);
    return m / (1.0f + f1_exp(m * -1.702f));
}

FUNCTION float elu(float x)
{
    float below = x < 0.0f ? x : 0.0f;
    // Near 0 the difference would lose what makes it.
    float small = fabs(below) < FLOAT_OF(0x3eb17218u) ? exp_less_one(below) : f1_exp(below) - 1.0f;
    return x < 0.0f ? small : x;
}

// Clause Q1: from the bits of the largest magnitude to the factor that makes integers (0: all become 0), and to the scale.
FUNCTION float q1_inverse(uint largest)
{
    return largest >= INFINITE || FLOAT_OF(largest) < FLOAT_OF(0x0d800000u) ? 0.0f : 127.0f / FLOAT_OF(largest);
}

FUNCTION float q1_scale(uint largest)
{
    if (largest >= INFINITE) {
        return FLOAT_OF(0x7fc00000u);
    }
    return FLOAT_OF(largest) < FLOAT_OF(0x0d800000u) ? 0.0f : FLOAT_OF(largest) / 127.0f;
}

// In the order in which the host numbers them.
#define SILU 0u
#define GELU 1u
#define SIGMOID 2u
#define SOFTPLUS 3u
#define TANH 4u
#define GELU_ERF 5u
#define RELU 6u
#define SQUARED_RELU 7u
#define BOUNDED_SILU 8u
#define NO_FUNCTION 9u
#define ELU 10u

FUNCTION float function_of(uint kind, float x)
{
    switch (kind) {
    case SILU:
        return f3_silu(x);
    case GELU:
        return f4_gelu(x);
    case SIGMOID:
        return f2_sigmoid(x);
    case SOFTPLUS:
        return f9_softplus(x);
    case TANH:
        return f5_tanh(x);
    case GELU_ERF:
        return f10_gelu_erf(x);
    case RELU:
        return f11_relu(x);
    case SQUARED_RELU:
        x = f11_relu(x);
        return x * x;
    case BOUNDED_SILU:
        return f12_bounded_silu(x);
    case ELU:
        return elu(x);
    default:
        return x;
    }
}

// Clause F6, and F12 for the bounded one.
FUNCTION float gate_of(uint kind, float gated, float up)
{
    float opened = function_of(kind, gated);
    if (kind == BOUNDED_SILU) {
        up = at_most_7(up);
        up = up < -7.0f ? -7.0f : up;
        return opened * (up + 1.0f);
    }
    return opened * up;
}
