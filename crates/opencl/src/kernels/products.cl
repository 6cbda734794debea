// Matrix products (clauses Q1 to Q5) and rows of tables (W2).
//
// A matrix describes itself: its first words say what it holds (`layout.rs` writes them). Then follow the panels of its
// matrices, of 32 rows each, which lie side by side so that neighbours read neighbours: first their codes, 32 columns after
// 32 columns, plane by plane, then the blocks' scales and minimums, and the factors of sub-blocks for either.

#define PANEL 32u
#define UNIT 32u

// Words of the description.
#define COLUMNS 0
#define ROWS 1
#define KIND 2
#define BLOCK_ELEMENTS 3
#define SUB_BLOCK 4
#define SCALE_ENCODING 5
#define SUB_SCALES 6
#define EIGHTHS 7
#define HAS_MINIMUM 8
#define OFFSET 9
#define HAS_TABLE 10
#define TABLE 11
#define BLOCKS_AT 15
#define FACTORS_AT 16
#define MINIMUMS_AT 17
#define PANEL_WORDS 18
#define PANELS_AT 32u

// Kinds above those of quantised formats, whose number is that of a code's bits.
#define KIND_F16 16u
#define KIND_BF16 17u
#define KIND_F32 32u

#define SCALE_F16 0u
#define SCALE_ONE 1u

#define FACTORS_NONE 0u
#define FACTORS_INTEGER 1u
#define FACTORS_ODD 2u

// Which of a stack's matrices a row is multiplied with.
#define ONE_MATRIX 0u
#define ITS_OWN 1u
#define CHOSEN 2u

// Clause Q1 for each 32 elements of parts of `size` elements; what a last block lacks counts as zero. `sums` has the sums of
// the integers, 16 by 16.
KERNEL quantize(GLOBAL const float *arena, GLOBAL schar *codes, GLOBAL float *scales, GLOBAL int *sums, ulong x, uint count,
                uint size, uint blocks)
{
    uint at = GLOBAL_ID(0);
    if (at >= count) {
        return;
    }
    uint from = at % blocks * UNIT, length = size - from < UNIT ? size - from : UNIT;
    ulong begin = x + (ulong)(at / blocks) * size + from;
    GLOBAL schar *out = codes + (ulong)at * UNIT;
    // Magnitudes compare like their bits, and so an infinity or a NaN is larger than every number.
    uint largest = 0u;
    for (uint i = 0u; i < length; i++) {
        uint magnitude = BITS_OF(arena[begin + i]) & 0x7fffffffu;
        largest = magnitude > largest ? magnitude : largest;
    }
    float inverse = 0.0f, scale = 0.0f;
    if (largest >= INFINITE) {
        scale = FLOAT_OF(0x7fc00000u);
    } else if (FLOAT_OF(largest) >= FLOAT_OF(0x0d800000u)) {
        inverse = 127.0f / FLOAT_OF(largest);
        scale = FLOAT_OF(largest) / 127.0f;
    }
    int first = 0, second = 0;
    for (uint i = 0u; i < UNIT; i++) {
        int q = inverse != 0.0f && i < length ? (int)rint(arena[begin + i] * inverse) : 0;
        out[i] = (schar)q;
        first += i < 16u ? q : 0;
        second += i < 16u ? 0 : q;
    }
    scales[at] = scale;
    sums[2u * (ulong)at] = first;
    sums[2u * (ulong)at + 1u] = second;
}

// Four codes of one row as bytes: elements 4 group .. of a unit, whose words lie PANEL apart. A code's bits are those of its
// planes of 8, 4, 2 or 1 bits, the upper ones in the later planes.
FUNCTION uint codes_of(GLOBAL const uint *words, uint bits, uint group)
{
    if (bits == 8u) {
        return words[group * PANEL];
    }
    uint codes = 0u, shift = 0u;
    if ((bits & 4u) != 0u) {
        codes = words[(group >> 1) * PANEL] >> 4u * (group & 1u) & 0x0f0f0f0fu;
        shift = 4u;
    }
    if ((bits & 2u) != 0u) {
        codes |= (words[(shift + (group >> 2)) * PANEL] >> 2u * (group & 3u) & 0x03030303u) << shift;
        shift += 2u;
    }
    if ((bits & 1u) != 0u) {
        codes |= (words[shift * PANEL] >> group & 0x01010101u) << shift;
    }
    return codes;
}

// The products of four codes with four integers, summed.
FUNCTION int dot_codes(uint codes, GLOBAL const schar *q)
{
    return (int)(codes & 255u) * q[0] + (int)(codes >> 8 & 255u) * q[1] + (int)(codes >> 16 & 255u) * q[2]
        + (int)(codes >> 24) * q[3];
}

// Alike for codes that choose from a table.
FUNCTION int dot_table(uint codes, GLOBAL const schar *q, GLOBAL const schar *table)
{
    return (int)table[codes & 15u] * q[0] + (int)table[codes >> 8 & 15u] * q[1] + (int)table[codes >> 16 & 15u] * q[2]
        + (int)table[codes >> 24 & 15u] * q[3];
}

FUNCTION float block_scale(GLOBAL const uint *matrix, uint bits)
{
    uint encoding = matrix[SCALE_ENCODING];
    if (encoding == SCALE_F16) {
        return wide(bits & 0xffffu);
    }
    if (encoding == SCALE_ONE) {
        return 1.0f;
    }
    uint e = bits & 255u;
    return FLOAT_OF(e == 0u ? 0x00200000u : e == 1u ? 0x00400000u : (e - 1u) << 23);
}

FUNCTION float sub_factor(GLOBAL const uint *matrix, uint piece)
{
    uint kind = matrix[SUB_SCALES];
    if (kind == FACTORS_INTEGER) {
        return (float)(schar)piece;
    }
    if (kind == FACTORS_ODD) {
        return ((float)piece * 2.0f + 1.0f) * ((float)matrix[EIGHTHS] / 8.0f);
    }
    return FLOAT_OF(piece << 20) * FLOAT_OF((127u + 119u) << 23);
}

// The panel of a row of one matrix of a stack.
FUNCTION GLOBAL const uint *panel_of(GLOBAL const uint *matrix, uint number, uint row)
{
    ulong panels = (matrix[ROWS] + PANEL - 1u) / PANEL;
    return matrix + PANELS_AT + (number * panels + row / PANEL) * matrix[PANEL_WORDS];
}

// Scale `s` and minimum `m` (clause W1) of a sub-block of a panel's row.
FUNCTION float scale_of(GLOBAL const uint *matrix, GLOBAL const uint *panel, uint lane, uint sub_block, float *minimum)
{
    uint block = sub_block * matrix[SUB_BLOCK] / matrix[BLOCK_ELEMENTS];
    uint bits = panel[matrix[BLOCKS_AT] + block * PANEL + lane];
    float scale = block_scale(matrix, bits);
    *minimum = wide(bits >> 16);
    if (matrix[SUB_SCALES] != FACTORS_NONE) {
        uint at = sub_block * PANEL + lane;
        scale = scale * sub_factor(matrix, ((GLOBAL const uchar *)(panel + matrix[FACTORS_AT]))[at]);
        if (matrix[HAS_MINIMUM] != 0u) {
            *minimum = *minimum * (float)((GLOBAL const uchar *)(panel + matrix[MINIMUMS_AT]))[at];
        }
    }
    return scale;
}

// Which matrix of a stack row `row` is multiplied with.
FUNCTION uint item_of(GLOBAL const float *arena, uint which, uint share, ulong choices, uint row)
{
    return which == ONE_MATRIX ? 0u : which == ITS_OWN ? row % share : (uint)arena[choices + 2u * (ulong)row];
}

// Clause Q2 for codes of `bits` bits.
FUNCTION float integer_product(GLOBAL const uint *matrix, GLOBAL const uint *panel, uint bits, uint lane,
                               GLOBAL const schar *q, GLOBAL const float *d, GLOBAL const int *sums)
{
    uint units = matrix[COLUMNS] / UNIT, parts = UNIT / matrix[SUB_BLOCK];
    GLOBAL const schar *table = (GLOBAL const schar *)(matrix + TABLE);
    int offset = (int)matrix[OFFSET];
    uint has_table = matrix[HAS_TABLE], has_minimum = matrix[HAS_MINIMUM];
    float acc = 0.0f;
    for (uint unit = 0u; unit < units; unit++) {
        GLOBAL const uint *words = panel + unit * bits * PANEL + lane;
        GLOBAL const schar *own = q + (ulong)unit * UNIT;
        int sum[2], plain[2];
        for (uint half_unit = 0u; half_unit < 2u; half_unit++) {
            int total = 0;
            for (uint group = 4u * half_unit; group < 4u * half_unit + 4u; group++) {
                uint four = codes_of(words, bits, group);
                total += has_table != 0u ? dot_table(four, own + 4u * group, table) : dot_codes(four, own + 4u * group);
            }
            plain[half_unit] = sums[2u * unit + half_unit];
            sum[half_unit] = total - offset * plain[half_unit];
        }
        if (parts == 1u) {
            sum[0] += sum[1];
            plain[0] += plain[1];
        }
        for (uint part = 0u; part < parts; part++) {
            float minimum, scale = scale_of(matrix, panel, lane, unit * parts + part, &minimum);
            acc = fma((float)sum[part], scale * d[unit], acc);
            if (has_minimum != 0u) {
                acc = fma(minimum, -(d[unit] * (float)plain[part]), acc);
            }
        }
    }
    return acc;
}

#define PRODUCT(bits)                                                                                                      \
    KERNEL product_##bits(GLOBAL float *arena, GLOBAL const uint *matrix, GLOBAL const schar *q, GLOBAL const float *d,    \
                          GLOBAL const int *sums, GLOBAL const float *bias, uint has_bias, ulong out, uint rows,           \
                          uint which, uint share, ulong choices)                                                           \
    {                                                                                                                      \
        uint r = GLOBAL_ID(0), t = GLOBAL_ID(1), outputs = matrix[ROWS], units = matrix[COLUMNS] / UNIT;                   \
        if (r < outputs && t < rows) {                                                                                     \
            uint number = item_of(arena, which, share, choices, t);                                                        \
            ulong x = which == CHOSEN && share > 1u ? t / share : t;                                                       \
            float acc = integer_product(matrix, panel_of(matrix, number, r), bits##u, r % PANEL, q + x * units * UNIT,     \
                                        d + x * units, sums + 2u * x * units);                                             \
            arena[out + (ulong)t * outputs + r] = has_bias != 0u ? acc + bias[(ulong)number * outputs + r] : acc;          \
        }                                                                                                                  \
    }

PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)
PRODUCT(8)

// Element `c` of a panel's row of plain numbers.
FUNCTION float number_at(GLOBAL const uint *panel, uint kind, uint lane, uint c)
{
    if (kind == KIND_F32) {
        return FLOAT_OF(panel[c * PANEL + lane]);
    }
    uint bits = ((GLOBAL const ushort *)panel)[c * PANEL + lane];
    return kind == KIND_F16 ? wide(bits) : FLOAT_OF(bits << 16);
}

// Clause Q3.
KERNEL product_float(GLOBAL float *arena, GLOBAL const uint *matrix, ulong x, GLOBAL const float *bias, uint has_bias,
                     ulong out, uint rows, uint which, uint share, ulong choices)
{
    uint r = GLOBAL_ID(0), t = GLOBAL_ID(1), outputs = matrix[ROWS], columns = matrix[COLUMNS], kind = matrix[KIND];
    if (r >= outputs || t >= rows) {
        return;
    }
    uint number = item_of(arena, which, share, choices, t);
    ulong row = which == CHOSEN && share > 1u ? t / share : t, from = x + row * columns;
    GLOBAL const uint *panel = panel_of(matrix, number, r);
    float acc = 0.0f;
    for (uint c = 0u; c < columns; c++) {
        acc = fma(number_at(panel, kind, r % PANEL, c), arena[from + c], acc);
    }
    arena[out + (ulong)t * outputs + r] = has_bias != 0u ? acc + bias[(ulong)number * outputs + r] : acc;
}

// Rows of a table (clause W2), those that the batch lists from `rows` on, times `factor`.
KERNEL embed(GLOBAL float *arena, GLOBAL const uint *matrix, GLOBAL const uint *batch, uint rows, ulong out, uint count,
             float factor)
{
    uint at = GLOBAL_ID(0), columns = matrix[COLUMNS], kind = matrix[KIND];
    if (at >= count) {
        return;
    }
    uint row = batch[rows + at / columns], c = at % columns;
    GLOBAL const uint *panel = panel_of(matrix, 0u, row);
    float number;
    if (kind >= KIND_F16) {
        number = number_at(panel, kind, row % PANEL, c);
    } else {
        GLOBAL const uint *words = panel + c / UNIT * kind * PANEL + row % PANEL;
        uint code = codes_of(words, kind, c % UNIT / 4u) >> 8u * (c % 4u) & 255u;
        int weight = matrix[HAS_TABLE] != 0u ? (int)((GLOBAL const schar *)(matrix + TABLE))[code & 15u]
                                              : (int)code - (int)matrix[OFFSET];
        float minimum, scale = scale_of(matrix, panel, row % PANEL, c / matrix[SUB_BLOCK], &minimum);
        number = fma(scale, (float)weight, matrix[HAS_MINIMUM] != 0u ? -minimum : -0.0f);
    }
    arena[out + at] = number * factor;
}
