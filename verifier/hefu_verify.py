#!/usr/bin/env python3
"""Verifies Hefu's receipts without Hefu: makes every choice of an answer again from the model's file, on NumPy alone.

    pip install numpy
    python verifier/hefu_verify.py --model model.gguf answer.json

Written from docs/readers/numerics.md, docs/readers/sampling.md, docs/auditors/receipts.md, docs/users/families.md and the layouts of weights that the first
of these points to, and shares no code with the program. Clauses are cited by their numbers (R1, Q2, A4, S16 and so on).
One prefill computes all positions at once; sums run in the order of the clauses, vectors run across outputs.

All is IEEE-754 binary32 in NumPy arrays. NumPy has no fused multiply-add, so `fma` below makes one that is rounded once.
Not judged: answers under a grammar (their tokens follow from a text), and what a receipt cannot tell (docs/auditors/receipts.md).
"""

import argparse, base64, functools, hashlib, json, mmap, re, struct, sys, time, zlib

import numpy as np

np.seterr(all="ignore")
F32, F64, I32, I64 = np.float32, np.float64, np.int32, np.int64
CONTRACT = 1
BLOCK = 32          # columns that share a scale of activations (Q1)
SEGMENT, LANES = 512, 16  # positions of a segment (A4), stripes (R2)
MAX_JSON, MAX_GGUF_COUNT = 1 << 30, 1 << 24  # bytes of a file of receipts, things that a file of a model counts
STEP = 1 << 15      # elements of one vector step: NumPy's cost per call is small then, and they stay in a cache
ROWS = 64           # positions whose logits are there at a time

class Refused(Exception):
    """Something that cannot be verified, in one sentence."""

def refuse(condition, sentence):
    if condition:
        raise Refused(sentence)

# B. Arithmetic ------------------------------------------------------------------------------------------------------------
def bits32(value): return np.array(value, np.uint32).view(F32)[()]

def fma(a, b, c):
    """a * b + c of binary32 numbers, rounded once (B1).

    The product is exact in binary64. The sum is rounded there, then to binary32, which differs from one rounding only where
    the first result lies exactly between two binary32 numbers; there the lost part decides (rounding to odd).
    """
    product = np.multiply(a, b, dtype=F64)
    total = product + c
    result = total.astype(F32)
    middle = (total.view(I64) & 0x1FFFFFFF) == 0x10000000
    # Subnormal results keep fewer bits, so that the middle lies elsewhere.
    middle |= np.abs(total) < 2.0**-126
    if middle.any():
        at = np.nonzero(middle)
        summed, left, right = total[at], product, np.broadcast_to(np.asarray(c, F64), total.shape)[at]
        left = np.broadcast_to(left, total.shape)[at]
        back = summed - left
        lost = (left - (summed - back)) + (right - back)
        whole = summed.view(I64)
        step = np.where((lost > 0) == (summed > 0), 1, -1)
        whole = np.where((lost != 0) & np.isfinite(summed) & (whole & 1 == 0), whole + step, whole)
        result[at] = whole.view(F64).astype(F32)
    return result

# R. Sums ------------------------------------------------------------------------------------------------------------------
def chain(a, b, total=F32(0)):
    """R1 over the first axis."""
    for x, y in zip(a, b):
        total = fma(x, y, total)
    return total

def halves(stripes):
    """Sixteen stripes, on the first axis, added up in halves (R2)."""
    for width in (8, 4, 2, 1):
        stripes = stripes[:width] + stripes[width:]
    return stripes[0]

def lane_sum16(x, step):
    """R2 over the last axis."""
    stripes = np.zeros((LANES,) + x.shape[:-1], F32)
    for at in range(0, x.shape[-1], LANES):
        part = np.moveaxis(x[..., at : at + LANES], -1, 0)
        stripes[: len(part)] = step(part, stripes[: len(part)])
    return halves(stripes)

def sum_of_squares(x): return lane_sum16(x, lambda part, stripes: fma(part, part, stripes))

# F. Functions -------------------------------------------------------------------------------------------------------------
ROUND = F32(1.5 * 2**23)
EXP_Y = (0x39506967, 0x3AB743CE, 0x3C088908, 0x3D2AA9C1, 0x3E2AAAAA, 0x3F000000)

def polynomial(x, first, *others):
    """y = first, then for each of the others y = fma(y, x, c), all given by their bits."""
    y = np.full_like(x, bits32(first))
    for c in others:
        y = fma(y, x, bits32(c))
    return y

def exp(x):
    """F1."""
    x = np.minimum(F32(89), np.maximum(F32(-104), x))
    n = fma(x, bits32(0x3FB8AA3B), ROUND) - ROUND
    r = fma(n, -bits32(0x3F318000), x)
    r = fma(n, bits32(0x395E8083), r)
    y = fma(polynomial(r, *EXP_Y), r * r, r) + F32(1)
    whole = np.where(np.isnan(n), 0, n).astype(I32)
    half = whole >> 1
    return y * power_of_two(half) * power_of_two(whole - half)

def power_of_two(n): return ((n + 127) << 23).astype(I32).view(F32)
def sigmoid(x): return F32(1) / (F32(1) + exp(-x))
def silu(x): return x / (F32(1) + exp(-x))
def gelu(x): return x / (F32(1) + exp(x * fma(x * x, bits32(0xBD922279), bits32(0xBFCC422A))))

def tanh(x):
    """F5."""
    z = x * x
    near = fma(polynomial(z, 0xBBBAF0EA, 0x3CA9134F, 0xBD5C1E2D, 0x3E088393, 0xBEAAAA99) * z, x, x)
    a = np.abs(x)
    far = np.copysign(F32(1) - F32(2) / (exp(a + a) + F32(1)), x)
    return np.where(a < F32(0.625), near, far)

def softplus(x):
    """F9."""
    y = exp(-np.abs(x))
    s = y / (y + F32(2))
    z, d = s * s, s + s
    return np.fmax(x, F32(0)) + fma(polynomial(z, 0x3E0D9A37, 0x3E0FC9F1, 0x3E4CE147, 0x3EAAAA96) * z, d, d)

def gelu_erf(x):
    """F10."""
    z = np.abs(x) * bits32(0x3F3504F4)
    t = F32(1) / fma(z, bits32(0x3EA7BA05), F32(1))
    y = polynomial(t, 0x3F07DC22, 0xBF3A00E2, 0x3F35F0E3, 0xBE11A991, 0x3E027906) * t * exp(-(z * z))
    return np.where(x < 0, x * y, x * (F32(1) - y))

def relu(x): return np.where(x < 0, F32(0), x)  # F11.
def squared_relu(x): return relu(x) * relu(x)
def soft_cap(x, cap): return cap * tanh(x / cap)

def bounded_silu(x):
    """F12, of a number by itself."""
    m = np.minimum(x, F32(7))
    return m / (F32(1) + exp(m * F32(-1.702)))

def gate(activation, x, up):
    """F6 and F12."""
    return activation(x) * (np.clip(up, F32(-7), F32(7)) + F32(1) if activation is bounded_silu else up)

def elu(x):
    """F13."""
    near = fma(polynomial(x, *EXP_Y), x * x, x)
    return np.where(x < 0, np.where(np.abs(x) < bits32(0x3EB17218), near, exp(x) - F32(1)), x)

ACTIVATIONS = {"silu": silu, "gelu": gelu, "sigmoid": sigmoid, "softplus": softplus, "gelu-erf": gelu_erf, "relu": relu,
               "squared-relu": squared_relu, "bounded-silu": bounded_silu, "tanh": tanh, "elu": elu}

# B4. Functions in binary64: the sequences of FreeBSD's msun, which the library `libm` follows. Copyright (C) 1993, 2004 by Sun
# Microsystems, Inc. All rights reserved. Permission to use, copy, modify, and distribute this software is freely granted,
# provided that this notice is preserved.

LN2_HI, LN2_LO = 6.93147180369123816490e-01, 1.90821492927058770002e-10
EXP_P = (1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05, -1.65339022054652515390e-06,
         4.13813679705723846039e-08)
LOG_LG = (6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
          1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01)

def nested(x, *coefficients):
    """The polynomial in x, lowest coefficient first, from the inside out."""
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = c + x * total
    return total

def exp64(x):
    """e^x for an array of binary64 numbers, none far above 0: all that sampling and xIELU ask for."""
    high = (np.abs(x).view(I64) >> 32).astype(I64)
    k = np.where(high >= 0x3FF0A2B2, np.trunc(1.44269504088896338700e00 * np.maximum(x, -1e4) + np.where(x < 0, -0.5, 0.5)),
                 np.where(high > 0x3FD62E42, np.where(x < 0, -1.0, 1.0), 0.0))
    hi, lo = x - k * LN2_HI, k * LN2_LO
    r = hi - lo
    c = r - r * r * nested(r * r, *EXP_P)
    y = np.ldexp(1.0 + (r * c / (2.0 - c) - lo + hi), k.astype(I32))
    y = np.where(high <= 0x3E300000, 1.0 + x, y)
    return np.where(x < -745.13321910194110842, 0.0, y)

def log64(x, lost=0.0, exact=None):
    """The natural logarithm of an array of positive binary64 numbers that are not subnormal; `log1p64` gives the others."""
    x = np.atleast_1d(np.asarray(x, F64))
    whole = x.view(I64)
    high = (whole >> 32) + (0x3FF00000 - 0x3FE6A09E)
    k = (high >> 20) - 0x3FF
    high = (high & 0x000FFFFF) + 0x3FE6A09E
    f = ((high << 32) | (whole & 0xFFFFFFFF)).view(F64) - 1.0
    f = f if exact is None else exact
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    r = z * nested(w, *LOG_LG[::2]) + w * nested(w, *LOG_LG[1::2])
    return np.where(x == 1.0, 0.0, s * (half_square + r) + (k * LN2_LO + lost) - half_square + f + k * LN2_HI)

def log1p64(x):
    """The natural logarithm of 1 + x for a usual number x above 0."""
    u = 1.0 + x
    lost = (1.0 - (u - x) if u >= 2.0**1.5 else x - (u - 1.0)) / u
    return log64(u, lost) if high_word(x) >= 0x3FDA827A else log64(u, exact=x)

def xielu(x, alpha_p, alpha_n, beta):
    """Of the family apertus."""
    positive, negative = (float(log1p64(float(exp64(np.array([alpha]))[0]))[0]) for alpha in (alpha_p, alpha_n))
    return (squared_relu(x) * F32(positive) + (elu(x) - x) * F32(beta + negative)) + x * F32(beta)

def low_cleared(x): return struct.unpack("<d", struct.pack("<Q", struct.unpack("<Q", struct.pack("<d", x))[0] & ~0xFFFFFFFF))[0]
def high_word(x): return struct.unpack("<i", struct.pack("<d", x)[4:])[0]
def with_high_word(x, high): return struct.unpack("<d", struct.pack("<d", x)[:4] + struct.pack("<I", high & 0xFFFFFFFF))[0]

def pow64(x, y):
    """x^y for x of 1 or more and y <= 0 with a usual number as result: all that frequencies (P1) and slopes (A8) ask for."""
    if y == 0 or x == 1:
        return 1.0
    if y == -1:
        return 1.0 / x
    ix = high_word(x)
    n, j = (ix >> 20) - 0x3FF, ix & 0xFFFFF
    k, up = int(0x3988E < j < 0xBB67A), int(j >= 0xBB67A)   # x is near 1.5, or nearer to the next power of two
    n, ix = n + up, j | (0x3FE00000 if up else 0x3FF00000)
    ax = with_high_word(x, ix)
    bp, dp_h, dp_l = ((1.0, 0.0, 0.0), (1.5, 5.84962487220764160156e-01, 1.35003920212974897128e-08))[k]
    u, v = ax - bp, 1.0 / (ax + bp)
    ss = u * v
    s_h = low_cleared(ss)
    t_h = with_high_word(0.0, ((ix >> 1) | 0x20000000) + 0x00080000 + (k << 18))
    t_l = ax - (t_h - bp)
    s_l = v * ((u - s_h * t_h) - s_h * t_l)
    s2 = ss * ss
    r = s2 * s2 * nested(s2, 5.99999999999994648725e-01, 4.28571428578550184252e-01, 3.33333329818377432918e-01,
                         2.72728123808534006489e-01, 2.30660745775561754067e-01, 2.06975017800338417784e-01)
    r += s_l * (s_h + ss)
    s2 = s_h * s_h
    t_h = low_cleared(3.0 + s2 + r)
    t_l = r - ((t_h - 3.0) - s2)
    u, v = s_h * t_h, s_l * t_h + t_l * ss
    p_h = low_cleared(u + v)
    p_l = v - (p_h - u)
    z_h = 9.61796700954437255859e-01 * p_h
    z_l = -7.02846165095275826516e-09 * p_h + p_l * 9.61796693925975554329e-01 + dp_l
    t = float(n)
    t1 = low_cleared(((z_h + z_l) + dp_h) + t)
    t2 = z_l - (((t1 - t) - dp_h) - z_h)
    y1 = low_cleared(y)
    p_l, p_h = (y - y1) * t1 + y * t2, y1 * t1
    z = p_l + p_h
    whole = low_cleared(z)
    n = int(np.copysign(abs(whole) + 0.5, whole)) if abs(whole) > 0.5 else 0
    p_h -= n
    t = low_cleared(p_l + p_h)
    u, v = t * 6.93147182464599609375e-01, (p_l - (t - p_h)) * 6.93147180559945286227e-01 + t * -1.90465429995776804525e-09
    z = u + v
    w = v - (z - u)
    t1 = z - z * z * nested(z * z, *EXP_P)
    r = (z * t1) / (t1 - 2.0) - (w + z * w)
    z = 1.0 - (r - z)
    return with_high_word(z, high_word(z) + (n << 20))

PIO2 = ((1.57079632673412561417e00, 6.07710050650619224932e-11), (6.07710050630396597660e-11, 2.02226624879595063154e-21),
        (2.02226624871116645580e-21, 8.47842766036889956997e-32))

def sincos64(x):
    """Sine and cosine of a binary64 number from 0 to 2^20 pi / 2."""
    high = high_word(x)
    if high <= 0x3FE921FB:
        return (x, 1.0) if high < 0x3E46A09E else (kernel_sin(x, None), kernel_cos(x, 0.0))
    refuse(high >= 0x413921FB, "a position whose angle is above 2^20 quarters of a turn is not verified here")
    short = next((n for n, bound in ((1, 0x4002D97C), (2, 0x400F6A7A), (3, 0x4015FDBC), (4, 0x401C463B)) if high <= bound), 0)
    exact = (high & 0xFFFFF) == 0x921FB if high <= 0x400F6A7A else high in (0x4012D97C, 0x401921FB)
    n = short if short and not exact else int((x * 6.36619772367581382433e-01 + 6755399441055744.0) - 6755399441055744.0)
    r, w = x - n * PIO2[0][0], n * PIO2[0][1]
    y0 = r - w
    if not short or exact:
        for (part, tail), bound in zip(PIO2[1:], (16, 49)):
            if (high >> 20) - ((high_word(y0) >> 20) & 0x7FF) <= bound:
                break
            t, w = r, n * part
            r = t - w
            w = n * tail - ((t - r) - w)
            y0 = r - w
    y1 = (r - y0) - w
    s, c = kernel_sin(y0, y1), kernel_cos(y0, y1)
    return ((s, c), (c, -s), (-s, -c), (-c, s))[n & 3]

def kernel_sin(x, y):
    z = x * x
    r = nested(z, 8.33333333332248946124e-03, -1.98412698298579493134e-04, 2.75573137070700676789e-06)
    r += z * (z * z) * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    v, s1 = z * x, -1.66666666666666324348e-01
    return x + v * (s1 + z * r) if y is None else x - ((z * (0.5 * y - v * r) - y) - v * s1)

def kernel_cos(x, y):
    z = x * x
    w = z * z
    r = z * nested(z, 4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05)
    r += w * w * nested(z, -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11)
    hz = 0.5 * z
    w = 1.0 - hz
    return w + (((1.0 - w) - hz) + (z * r - x * y))

def log_scalar(x): return float(log64(x)[0])

# W. Weights ---------------------------------------------------------------------------------------------------------------
PLAIN = ("F32", "F16", "BF16")
IQ4 = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.int16)
E2M1 = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], np.int16)
# The grids: elements of a row and their values. Of all rows of such values, in ascending order with the first element counting
# least, the bits of GRID_DATA say which are in a grid.
GRIDS = (("IQ1", 8, (-8, 0, 8)), ("IQ2_XXS", 8, (8, 25, 43)), ("IQ2_XS", 8, (8, 25, 43)), ("IQ2_S", 8, (8, 25, 43)),
         ("IQ3_XXS", 4, (4, 12, 20, 28, 36, 44, 52, 62)), ("IQ3_S", 4, (1, 3, 5, 7, 9, 11, 13, 15)))
GRID_DATA = (
    "c-nPW&yO5O6@Fc+7L~?9HBOH)2aDR#T59H$h=e1mcDn6#WRq^YI}0Ks6Dd(nNIuxPScY<IE!qP}V~Ftuq}q`!HGP7A0D)vABraadiG_rPkcbqxaEdsE@T#hNdS-E2G"
    "rKeOetqxN_g>Ys_o97Yo|^OJPsVT2JpDE=XtW<hF`X>$HQJXk9UTWA`@b*z(bF<}u6zgyWaUe-&k0)Xjl3X2^ZW?^iqE|QSE7A-^i<22>g88`n!gRj_P9*>nNK(mL%"
    ">*J8Pc&wv%m0P&BpZN)!XUS^388P*_}O&FP}(e7yo?utV|%G<9wFIl0$Lf3+Z1I`Z$Ff<VKl?JW+_SiRogwH{JKSd@z2KZpCzpFjC5Y9YnI=C&sboAC;8H>9JIX9~6"
    "8aKOf;s0tTTEr{=I!@5hkG1;2SD(wK7Sz)MNX0_e_9^Q+-_cC#FR3F3^)Fp*mj!%@%QeZDAPr3bTQ_q!h*9K1I^i{HO>kWXGL=+P|_<^?b53tvx@^po%SUmi=4P>e@"
    "FJ^vt0!<p~J=d#)L6SE&aN&Uwu&$Dnhg`4N(i<eIBUi;7E@s;0R|G|?>|Nif%@BVIf?H7Oh$7i3ueQD?JkMe|-*Dr6C{QUS~eD$;0_T4{t;`GbMULR*C9|NY$&y+hL"
    "<05;9{ye_@TpU6QFL{50m~;3>UY1YgJJ)mnqVzue=any>zsq8FrMwn4KfW&@Gj*U`-K25(%UN=6%U^iMAx}@s8_@&{wf9PFce$it`S)zc?y~l|p^c)_CussB;3<D2f"
    "A2(DdO)-I%nQjLpBSq}P8(#@TNy8l!h_6M?Tx`YJVQrub{w~$Ow0WF1DO>VBKFEG<RRP{$;7|@Fg(HY*`xEA^2x7WE$M6FvG4mw-t{txOnBoo5=oZj<8n8><ENZ6>g"
    "Nf>m)$OBmZEpQ2Nz1o?*seIq}yeUl#X9{odN*H%4T#ol@K3Ygm)vTA1w_x#?m4jZSzr>5soXEvNR4=+e9s!R27J50t|f!0uc}}p8x_zsv1-zNPz1o*7yzp6d08X*Q3"
    "ZPx|g+L&^?i04An#pLg5Eutng7zkqLq>ofYfeHiUb$G9rVc?w71N>0FzyN;^-^DCqToR466Aw&-j+nRz(`0yZB9FTiRrhA9Jc<`Xd3JN$%MHD-XWGF3373``Bqnd*y"
    "T-)v$r3S~{ihV6ins5Osbr6ZUaFq3t$eJZP_IuRMvEXaDuGJ0n2YdIW#Of|c$5M*Vza$spgh9qr7TXVIM)_Q~?J;nMmtmB5hhUA%68xQ*&*$T<wYChxhGavE!YHi!j"
    "+hx@()wFGcWyO%K(>eBv0Hq)>qQ)=?MMz{JY!R7u>}z!$xrXRC&J04K9AT#I9IZ(25Jdq5bze^7aA|8ssy;8fC+?%x(DhWk0iJZIokI`-Gf}&)Q%-SGS?2Xk<AkcO9"
    "jla$!g`;!50owb#HDQW>QaUYrdO%nAr{K^lR}Z(aAFEY*w8debx|uDf8b45UYoK2y~%4Jw!F-gr*aEyZJ-FO1|c0k7}+2R>1xOftYDK-jx>s_aly4UJIp&!8-*7AI3"
    "kT!jWB+LMs>XlHVaebDw^7+A#403L$jl{DYluchZ)O+aMe(*-PtC+(aFRN1GWw_I@}>*bFvKc7r7<Y#*(ciiTWr4HmA#GF-`Dgw*?()J^V$uu4&pv*RA1r8|fxOjt8"
    "xPy2gJ?RA{EldC;~Iz6||QG><G>o7Pw%O^9yA1Vv`YBc|P{flV_<&&@o-el#K42+!oI5*jQe2Zu&v9Y)$w68mv3j0iJ!BIago$MosEnO9n<8m0lZrL$r%H~p$%f>~@"
    "htox(O8rKMe+3GZ_wy_<Ge@xSuoEyBAAVS?CtQuibHn`f>4FhnZpz0B#0~R@v80G|lfc0C04jXF)|Ce%PCqdL%tsFuJ-lmKqJ9!6(ZdzD=EgOvp39}rxHDm^cu$)oz"
    "b%)H#R^7pDHQdl)8#Hn=0p~;=O>3Mruyo*Y7}QN?g}YpL)1^;Y8BwsBP)20jsMUF5J!`|2Wy?A%yD6+6JdUx?sA0`kX`A7#hC4=mi22CgDeDh**7qri+-RJ44pldC5"
    "1lWh2f8){h>BEKrY6@CSHesuTH>T?q|Wi?PGe1-5eJWX5XP{oGqsj;K#_z@XN_m5DqS;XTG~OYK}i!jS%tP|jHGMu%(BjwCO#C_ZlrXqJ%vir6`{8AxQXRqv?0NaSR"
    "f#EhW@FIXNs2@V}n#0E0?&3E0qCHZPEmsh}-$*fsgm`wV|spoeHD%>Lv*5VXTH6)x%_#_HZD*fxV`PE&?d)TsXD$i$;Ia8G;%A(!IUaSgqDi0y^wy2j00GuVz7al`("
    "0W;l6?^t)?DIw{c2+^sfi}ex}cU{NQ%NAQ6B3SyG?OV8Ii8foU&MqaCr3=B!xq6bL67y2I)=_}%Qz#~<j|AduowEf+|EN}a65f+}%#5!a}w!U(bn>RG9Ue9Mv?c|wi"
    "+gErTN_TJaGw|4}}&q8)Xj$r4Wj52}k62oE}m$#V|p5mbPjT5w_k|=I2xuqz+Cb=wFX3l_#5(rfp{^Tmh8t_x-6@MW}O$DCf+>+452S@N)+!Dw<wUvoIj%3aDBv&3@"
    "pRgg^;ld2PrEjf-DZIPV?1AFABx(V-a99<>(pV_TD^vL`WF5nw)I0cd#9dyA3A$>`s2^H|Sv804js8B#1Qkj#*=>~BNCAuPDn<JZ?0ntA>0_=u0y!Gu_niu}kv7J*!"
    "IAL(wlDhovs@>^{{XbGkmv"
)

@functools.cache
def grids():
    """Rows of integer weights by the name of a grid."""
    bits, made = np.frombuffer(zlib.decompress(base64.b85decode(GRID_DATA)), np.uint8), {}
    for name, elements, values in GRIDS:
        size = -(-len(values) ** elements // 8)
        numbers, bits = np.nonzero(np.unpackbits(bits[:size]))[0], bits[size:]
        made[name] = np.array(values, np.int16)[numbers[:, None] // len(values) ** np.arange(elements) % len(values)]
    return made

def nibbles(b): return np.concatenate([b & 15, b >> 4], axis=-1)  # Low nibbles, then high ones, along the last axis.
def pairs_of_nibbles(b): return np.stack([b & 15, b >> 4], axis=-1).reshape(b.shape[:-1] + (-1,))

def crumbs(b, size=32):
    """Bits 1-0, 3-2, 5-4, 7-6 of runs of `size` bytes, run by run, each shift a run of elements."""
    b = b.reshape(b.shape[0], -1, 1, size)
    return ((b >> np.array([0, 2, 4, 6], np.uint8)[:, None]) & 3).reshape(b.shape[0], -1)

# Bit i of the little-endian string of bytes, for each of `count`.
def bit_of(b, count): return np.unpackbits(np.ascontiguousarray(b), axis=-1, bitorder="little")[:, :count]

def half_at(b, at): return np.ascontiguousarray(b[:, at : at + 2]).view("<f2").astype(F32)
def words(b, kind): return np.ascontiguousarray(b).view(kind).astype(I64)
def with_signs(magnitudes, negative): return np.where(negative.reshape(magnitudes.shape) != 0, -magnitudes, magnitudes)

def even_signs(numbers):
    """Signs of 8 elements from numbers of 7 bits: the eighth makes the number of negative ones even."""
    first = (numbers[..., None] >> np.arange(7)) & 1
    return np.concatenate([first, first.sum(-1, keepdims=True) & 1], axis=-1)

def odd(x): return (2 * x + 1).astype(F32)

def six_bits(b):
    """Scales and minimums of Q4_K and Q5_K."""
    low, high = b[:, 4:12], b[:, 12:16]
    upper = (low >> 6) << 4
    scales = np.concatenate([low[:, :4] & 63, (high & 15) | upper[:, :4]], axis=1)
    minimums = np.concatenate([low[:, 4:] & 63, (high >> 4) | upper[:, 4:]], axis=1)
    return half_at(b, 0) * scales.astype(F32), half_at(b, 2) * minimums.astype(F32)

def q2_k(b):
    s, m = half_at(b, 80) * (b[:, :16] & 15), half_at(b, 82) * (b[:, :16] >> 4)
    return crumbs(b[:, 16:80]), s, m

def q3_k(b):
    high = bit_of(b[:, :32], 256).reshape(-1, 32, 8).transpose(0, 2, 1).reshape(-1, 256)
    code = crumbs(b[:, 32:96]).astype(np.int16) | (high.astype(np.int16) << 2)
    scales = nibbles(b[:, 96:104]).astype(np.int16)
    scales |= crumbs(b[:, 104:108], 4).astype(np.int16) << 4
    return code - 4, half_at(b, 108) * (scales - 32).astype(F32), None

def q4_k(b): return nibbles(b[:, 16:].reshape(-1, 4, 32)), *six_bits(b)

def q5_k(b):
    high = bit_of(b[:, 16:48], 256).reshape(-1, 32, 8).transpose(0, 2, 1).reshape(-1, 256)
    return nibbles(b[:, 48:].reshape(-1, 4, 32)).reshape(-1, 256) | (high << 4), *six_bits(b)

def q6_k(b):
    low = nibbles(b[:, :128].reshape(-1, 2, 64)).reshape(-1, 256).astype(np.int16)
    code = low | (crumbs(b[:, 128:192]).astype(np.int16) << 4)
    return code - 32, half_at(b, 208) * b[:, 192:208].view(np.int8).astype(F32), None

def five_bits(b, at): return nibbles(b[:, at + 4 :]) | (bit_of(b[:, at : at + 4], 32) << 4)

def iq4_xs(b):
    upper = (words(b[:, 2:4], "<u2") >> (2 * np.arange(8))) & 3
    scales = pairs_of_nibbles(b[:, 4:8]).astype(I64) | (upper << 4)
    return IQ4[nibbles(b[:, 8:].reshape(-1, 8, 16))], half_at(b, 0) * (scales - 32).astype(F32), None

def iq1_s(b):
    number = words(b[:, 34:50], "<u2")
    high = (number[:, :, None] >> (3 * np.arange(4))) & 7
    rows = b[:, 2:34].astype(I64) | (high.reshape(-1, 32) << 8)
    shift = np.where(number >> 15, -1, 1)[:, :, None]
    weights = grids()["IQ1"][rows].reshape(-1, 8, 32) + shift
    return weights, half_at(b, 0) * (odd((number >> 12) & 7) / F32(8)), None

def iq1_m(b):
    high = pairs_of_nibbles(b[:, 32:48]).astype(I64)
    rows = b[:, :32].astype(I64) | ((high & 7) << 8)
    weights = grids()["IQ1"][rows] + np.where(high >> 3, -1, 1)[:, :, None]
    number = words(b[:, 48:56], "<u2")
    scale = ((number >> 12) << (4 * np.arange(4))).sum(1).astype("<u2").view("<f2").astype(F32)[:, None]
    factor = (number[:, :, None] >> (3 * np.arange(4))) & 7
    return weights, scale * (odd(factor.reshape(-1, 16)) / F32(8)), None

def iq2_xxs(b):
    runs = b[:, 2:].reshape(-1, 8, 8)
    number = words(runs[:, :, 4:], "<u4")
    signs = even_signs((number >> (7 * np.arange(4))) & 127)
    return with_signs(grids()["IQ2_XXS"][runs[:, :, :4]], signs), half_at(b, 0) * (odd(number[..., 0] >> 28) / F32(8)), None

def iq2_xs(b):
    number = words(b[:, 2:66], "<u2")
    factor = odd(pairs_of_nibbles(b[:, 66:74]).astype(I64))
    return with_signs(grids()["IQ2_XS"][number & 511], even_signs(number >> 9)), half_at(b, 0) * (factor / F32(8)), None

def iq2_s(b):
    high = (b[:, 66:74, None].astype(I64) >> np.array([0, 2, 4, 6])) & 3
    rows = b[:, 2:34].astype(I64) | (high.reshape(-1, 32) << 8)
    factor = odd(pairs_of_nibbles(b[:, 74:82]).astype(I64))
    return with_signs(grids()["IQ2_S"][rows], bit_of(b[:, 34:66], 256)), half_at(b, 0) * (factor / F32(8)), None

def iq3_xxs(b):
    number = words(b[:, 66:98], "<u4")
    signs = even_signs((number[:, :, None] >> (7 * np.arange(4))) & 127)
    return with_signs(grids()["IQ3_XXS"][b[:, 2:66]], signs), half_at(b, 0) * (odd(number >> 28) / F32(4)), None

def iq3_s(b):
    rows = b[:, 2:66].astype(I64) | (bit_of(b[:, 66:74], 64).astype(I64) << 8)
    factor = odd(pairs_of_nibbles(b[:, 106:110]).astype(I64))
    return with_signs(grids()["IQ3_S"][rows], bit_of(b[:, 74:106], 256)), half_at(b, 0) * factor, None

def tq1_0(b):
    power = np.array([1, 3, 9, 27, 81], np.int32)[:, None]
    parts = [b[:, 0:32], b[:, 32:48], b[:, 48:52]]
    # The last part has four digits of five.
    digits = [(((part[:, None, :] * power[:count]) & 255) * 3) >> 8 for part, count in zip(parts, (5, 5, 4))]
    code = np.concatenate([part.reshape(len(b), -1) for part in digits], axis=1)
    return code - 1, np.repeat(half_at(b, 52), 8, axis=1), None

def nvfp4(b):
    byte = b[:, :4]
    exponent, fraction = (byte >> 3) & 15, (byte & 7).astype(F64)
    scale = np.where(exponent == 0, np.ldexp(fraction, -9), np.ldexp(8 + fraction, exponent.astype(I32) - 10))
    scale = np.where(byte == 0x7F, 0.0, scale) / 2
    return E2M1[nibbles(b[:, 4:].reshape(-1, 4, 8))], scale.astype(F32), None

def spread(scale, count): return np.repeat(scale, count, axis=1)

# By format: GGUF's number, elements and bytes of a block, columns of a sub-block, and what takes blocks (rows of bytes) apart into
# w, s and m of W1.
FORMATS = {
    "F32": (0, 1, 4, 1, None), "F16": (1, 1, 2, 1, None), "BF16": (30, 1, 2, 1, None),
    "Q4_0": (2, 32, 18, 32, lambda b: (nibbles(b[:, 2:]).astype(np.int16) - 8, half_at(b, 0), None)),
    "Q4_1": (3, 32, 20, 32, lambda b: (nibbles(b[:, 4:]), half_at(b, 0), -half_at(b, 2))),
    "Q5_0": (6, 32, 22, 32, lambda b: (five_bits(b, 2).astype(np.int16) - 16, half_at(b, 0), None)),
    "Q5_1": (7, 32, 24, 32, lambda b: (five_bits(b, 4), half_at(b, 0), -half_at(b, 2))),
    "Q8_0": (8, 32, 34, 32, lambda b: (b[:, 2:].view(np.int8), half_at(b, 0), None)),
    "Q2_K": (10, 256, 84, 16, q2_k), "Q3_K": (11, 256, 110, 16, q3_k), "Q4_K": (12, 256, 144, 32, q4_k),
    "Q5_K": (13, 256, 176, 32, q5_k), "Q6_K": (14, 256, 210, 16, q6_k), "IQ2_XXS": (16, 256, 66, 32, iq2_xxs),
    "IQ2_XS": (17, 256, 74, 16, iq2_xs), "IQ3_XXS": (18, 256, 98, 32, iq3_xxs), "IQ1_S": (19, 256, 50, 32, iq1_s),
    "IQ4_NL": (20, 32, 18, 32, lambda b: (IQ4[nibbles(b[:, 2:])], half_at(b, 0), None)),
    "IQ3_S": (21, 256, 110, 32, iq3_s), "IQ2_S": (22, 256, 82, 16, iq2_s), "IQ4_XS": (23, 256, 136, 32, iq4_xs),
    "IQ1_M": (29, 256, 56, 16, iq1_m), "TQ1_0": (34, 256, 54, 32, tq1_0), "NVFP4": (40, 64, 36, 16, nvfp4),
    "TQ2_0": (35, 256, 66, 32, lambda b: (crumbs(b[:, :64]).astype(np.int16) - 1, spread(half_at(b, 64), 8), None)),
    "MXFP4": (39, 32, 17, 32, lambda b: (E2M1[nibbles(b[:, 1:])], np.ldexp(1.0, b[:, :1].astype(I32) - 128).astype(F32), None)),
    "Q1_0": (41, 128, 18, 32, lambda b: (2 * bit_of(b[:, 2:], 128).astype(np.int16) - 1, spread(half_at(b, 0), 4), None)),
    "Q2_0": (42, 64, 18, 32, lambda b: (crumbs(b[:, 2:], 1).astype(np.int16) - 1, spread(half_at(b, 0), 2), None)),
}
TYPES = {number: (name, elements, size) for name, (number, elements, size, *_) in FORMATS.items()}

class Matrix:
    """Rows of weights as a file has them: `data` is bytes[rows, bytes of a row]."""
    def __init__(self, name, kind, data, columns):
        self.name, self.kind, self.data, self.columns, self.rows = name, kind, data, columns, len(data)

    def slice(self, rows): return Matrix(self.name, self.kind, self.data[rows], self.columns)

    def plain(self):
        """Weights of a plain format, widened (B3)."""
        raw = np.ascontiguousarray(self.data)
        if self.kind == "BF16":
            return (raw.view("<u2").astype(np.uint32) << 16).view(F32)
        return raw.view("<f2" if self.kind == "F16" else "<f4").astype(F32)

    def parts(self):
        """w[rows, sub-blocks, columns of one], s[rows, sub-blocks], m or None."""
        _, _, size, sub, apart = FORMATS[self.kind]
        w, s, m = apart(np.ascontiguousarray(self.data).reshape(-1, size))
        shape = (self.rows, self.columns // sub)
        return w.reshape(shape + (sub,)), s.reshape(shape), None if m is None else m.reshape(shape)

    def values(self):
        """W2: the rows as numbers."""
        if self.kind in PLAIN:
            return self.plain()
        w, s, m = self.parts()
        m = np.zeros_like(s) if m is None else m
        return fma(s[..., None], w.astype(F32), -m[..., None]).reshape(self.rows, self.columns)

# Q. Matrix products -------------------------------------------------------------------------------------------------------
def quantise(x, size=BLOCK):
    """Q1 over the last axis: integers q[..., blocks, size] as f32, and scales d[..., blocks]. A last block is filled with zeros."""
    short = -x.shape[-1] % size
    if short:
        x = np.concatenate([x, np.zeros(x.shape[:-1] + (short,), F32)], axis=-1)
    x = x.reshape(x.shape[:-1] + (-1, size))
    broken = ~np.isfinite(x).all(axis=-1)
    largest = np.fmax.reduce(np.abs(x), axis=-1)
    small = largest < F32(2.0**-100)
    d = np.where(broken, F32(np.nan), np.where(small, F32(0), largest / F32(127)))
    q = np.rint(x * (F32(127) / largest)[..., None])
    return np.where((broken | small)[..., None], F32(0), q), d

def product(matrix, x, bias=None):
    """Q2, Q3, Q5: output[tokens, rows] from x[tokens, columns]."""
    tokens = len(x)
    output = np.empty((tokens, matrix.rows), F32)
    chunk = max(32, STEP // max(tokens, 1))
    if matrix.kind not in PLAIN:
        q, d = quantise(x)
    for at in range(0, matrix.rows, chunk):
        part = matrix.slice(slice(at, at + chunk))
        if matrix.kind in PLAIN:
            output[:, at : at + chunk] = chain(np.ascontiguousarray(x.T)[..., None], np.ascontiguousarray(part.plain().T))
        else:
            output[:, at : at + chunk] = quantised_product(part, q, d).T
    return output if bias is None else output + bias

def quantised_product(matrix, q, d):
    """Q2: output[rows, tokens]. Sums of integers are below 2^19, so f32 products of matrices make them exactly."""
    w, s, m = matrix.parts()
    count, sub = w.shape[1:]
    q = q.reshape(len(q), count, sub)
    d = np.repeat(d, BLOCK // sub, axis=1).T
    dots = np.matmul(w.transpose(1, 0, 2).astype(F32), q.transpose(1, 2, 0))
    if m is not None:
        least = -(d * q.sum(axis=2, dtype=F32).T)
    total = np.zeros(dots.shape[1:], F32)
    for b in range(count):
        total = fma(dots[b], s[:, b, None] * d[b], total)
        if m is not None:
            total = fma(m[:, b, None], least[b], total)
    return total

def head_product(matrices, x):
    """Q4: x[tokens, heads, columns] times a matrix of each head, as one row per token."""
    return np.concatenate([product(matrix, np.ascontiguousarray(x[:, h])) for h, matrix in enumerate(matrices)], axis=1)

# N, P. Norms and rotation -------------------------------------------------------------------------------------------------
def divided(parts, count, epsilon):
    """Parts on the last axis, divided by the root of their sum of squares over `count`."""
    return parts * (F32(1) / np.sqrt(sum_of_squares(parts) / F32(count) + F32(epsilon)))[..., None]

def rms_norm(x, gain, epsilon, size=None):
    """N1 of parts of `size` elements."""
    parts = x.reshape(len(x), -1, size or x.shape[-1])
    parts = divided(parts, parts.shape[-1], epsilon)
    return (parts if gain is None else parts * gain).reshape(x.shape)

def l2_norm(x, size, epsilon): return divided(x.reshape(len(x), -1, size), 1, epsilon).reshape(x.shape)  # N2.

def layer_norm(x, gain, bias, epsilon, size=None):
    """N3 of parts of `size` elements."""
    parts = x.reshape(len(x), -1, size or x.shape[-1])
    c = parts - (lane_sum16(parts, np.add) / F32(parts.shape[-1]))[..., None]
    c = divided(c, parts.shape[-1], epsilon) * (F32(1) if gain is None else gain)
    return (c if bias is None else c + bias).reshape(x.shape)

def matched(x, y, floor=F32(1e-5)):
    """N4."""
    own, target = (sum_of_squares(rows) / F32(rows.shape[-1]) for rows in (x, y))
    return x * (np.sqrt(target) / np.sqrt(np.where(own < floor, floor, own)))[..., None]

def gaussian_top_k(x, deviations):
    """N5."""
    mean = lane_sum16(x, np.add) / F32(x.shape[-1])
    variance = sum_of_squares(x - mean[..., None]) / F32(x.shape[-1])
    return relu(x - (mean + F32(deviations) * np.sqrt(variance))[..., None])

class Angles:
    """P1 and P3: cosines and sines [positions, pairs]."""
    def __init__(self, positions, base, rotated, scaling, magnitude, factors):
        pairs = np.arange(rotated // 2)
        frequencies = np.array([pow64(base, -2.0 * i / rotated) for i in pairs.tolist()])
        frequencies = frequencies if factors is None else frequencies / factors.astype(F64)
        if scaling and scaling["type"] == "linear":
            frequencies = frequencies / scaling["factor"]
        elif scaling:
            kept = yarn_ramp(pairs, scaling, base, rotated) * scaling["extrapolation"]
            frequencies = frequencies / scaling["factor"] * (1.0 - kept) + frequencies * kept
            magnitude *= scaling["magnitude"]
        table = np.array([[sincos64(float(p) * f) for f in frequencies.tolist()] for p in positions])
        self.sines, self.cosines = ((table[..., i] * magnitude).astype(F32) for i in (0, 1))

    def rotate(self, x, head, first=0, neighbours=False):
        """P2, of each head's elements from `first` on."""
        count = self.cosines.shape[1]
        x = x.reshape(len(x), -1, head)
        at = first + (2 * np.arange(count) if neighbours else np.arange(count))
        other = at + (1 if neighbours else count)
        cosine, sine = self.cosines[:, None], self.sines[:, None]
        left, right, output = x[..., at], x[..., other], x.copy()
        output[..., at] = fma(left, cosine, -(right * sine))
        output[..., other] = fma(left, sine, right * cosine)
        return output.reshape(len(x), -1)

def temperature(positions, growth, original): return (1.0 + growth * log64(1.0 + positions // original)).astype(F32)  # P4.

def yarn_ramp(pairs, scaling, base, rotated):
    def pair(turns): return rotated * log_scalar(scaling["original"] / (turns * 2.0 * np.pi)) / (2.0 * log_scalar(base))

    low, high = max(np.floor(pair(scaling["fast"])), 0.0), min(np.ceil(pair(scaling["slow"])), rotated - 1.0)
    return 1.0 - np.clip((pairs - low) / max(high - low, 0.001), 0.0, 1.0)

# A. Attention -------------------------------------------------------------------------------------------------------------
class Stored:
    """A1: keys or values [positions, heads, elements] as the cache rounds them."""
    def __init__(self, x, profile, is_value=False):
        self.size, self.whole = x.shape[-1], is_value and profile == "i8"
        self.plain = x.astype(np.float16).astype(F32) if profile == "f16" else None
        if self.plain is None:
            self.q, d = quantise(x, self.size if self.whole else BLOCK)
            self.d = d.astype(np.float16).astype(F32)

def slopes(heads, most):
    """A8, by head."""
    w = 1 << heads.bit_length() - 1
    return np.array([pow64(2.0, -most * (h + 1 if h < w else 2 * (h - w) + 1) / (w if h < w else 2 * w)) for h in range(heads)]).astype(F32)

def attend(queries, keys, values, heads, scale, positions, window=None, cap=None, alibi=None, sinks=None):
    """A2 to A6, A8: queries[n, heads * key] at `positions`, over all positions that are stored."""
    queries = queries.reshape(len(queries), heads, -1)
    group = heads // (keys.plain if keys.plain is not None else keys.d).shape[1]
    kv = np.arange(heads) // group
    rows = max(1, STEP * 8 // (heads * (int(positions[-1]) + 1)))
    parts = (slice(at, at + rows) for at in range(0, len(queries), rows))
    rest = window, cap, alibi, F32(-np.inf) if sinks is None else sinks
    return np.concatenate([attend_rows(queries[part], keys, values, kv, F32(scale), positions[part], *rest) for part in parts])

def scores_of(queries, keys, kv, end):
    """A3 without the scale: [n, heads, positions]."""
    if keys.plain is not None:
        return chain(queries.transpose(2, 0, 1)[..., None], np.ascontiguousarray(keys.plain[:end, kv].transpose(2, 1, 0)))
    q, d = quantise(queries)
    dots = np.matmul(q.transpose(2, 1, 0, 3), keys.q[:end, kv].transpose(2, 1, 3, 0)).transpose(0, 2, 1, 3)
    return chain(dots, d.transpose(2, 0, 1)[..., None] * keys.d[:end, kv].transpose(2, 1, 0)[:, None])

def attend_rows(queries, keys, values, kv, scale, positions, window, cap, alibi, sinks):
    end = int(positions[-1]) + 1
    scores, distance = scale * scores_of(queries, keys, kv, end), positions[:, None] - np.arange(end)
    visible = (distance >= 0) & (distance < (window or end))
    if alibi:
        scores = fma(-slopes(len(kv), alibi)[:, None], np.abs(distance[:, None]).astype(F32), scores)
    scores = soft_cap(scores, F32(cap)) if cap else scores
    largest = np.fmax.reduce(np.where(visible[:, None], scores, F32(-np.inf)), axis=2)
    largest = np.fmax(np.where(np.isnan(largest), F32(-np.inf), largest), sinks)
    weights = exp(scores - largest[..., None])
    size = values.size
    output, total = np.zeros(queries.shape[:2] + (size,), F32), np.zeros(queries.shape[:2], F32)
    for start in range(0, end, SEGMENT):
        sums, stripes = np.zeros_like(output), np.zeros((LANES,) + total.shape, F32)
        for p in range(start, min(start + SEGMENT, end)):
            at = np.nonzero(visible[:, p])[0]
            if not len(at):
                continue
            at = slice(at[0], at[-1] + 1)   # queries that see a position follow one another
            weight = weights[at, :, p]
            stripes[p % LANES, at] = stripes[p % LANES, at] + weight
            if values.whole:
                continue
            if values.plain is not None:
                sums[at] = fma(weight[..., None], values.plain[p, kv, :size], sums[at])
            else:
                factor = np.repeat(weight[..., None] * values.d[p, kv], BLOCK, axis=-1)[..., :size]
                sums[at] = fma(factor, values.q[p, kv].reshape(len(kv), -1)[:, :size], sums[at])
        if values.whole:
            sums = integer_sums(np.where(visible[:, None], weights, F32(0)), values, kv, range(start, min(start + SEGMENT, end), BLOCK))
        # Where a segment holds no visible position these are +0, which change no sum that began at +0.
        output, total = output + sums, total + halves(stripes)
    total = total + exp(sinks - largest)   # A6; +0 where there is none
    return (output * (F32(1) / total)[..., None]).reshape(len(queries), -1)

def integer_sums(weights, values, kv, blocks):
    """A4 in i8: sums of a segment over its blocks of 32 positions, for weights[n, heads, positions]."""
    total = F32(0)
    for block in blocks:
        weight, part = weights[..., block : block + BLOCK], slice(block, min(block + BLOCK, weights.shape[2]))
        q, s = quantise(np.where(weight == 0, F32(0), weight * values.d[part, kv, 0].T))
        dots = np.matmul(q[:, :, 0, : part.stop - block].transpose(1, 0, 2), values.q[part, kv, 0].transpose(1, 0, 2))
        total = fma(dots.transpose(1, 0, 2), s, total)
    return total

# D. Recurrent states ------------------------------------------------------------------------------------------------------
def short_conv(x, kernel, bias=None, activation=None):
    """D2 from position 0 on: x[positions, channels], kernel[channels, taps]."""
    taps = kernel.shape[1]
    padded = np.concatenate([np.zeros((taps - 1, x.shape[1]), F32), x])
    total = chain(kernel.T, [padded[i : i + len(x)] for i in range(taps)])
    total = total if bias is None else total + bias
    return total if activation is None else activation(total)

def decay(x, rates, bias): return rates * softplus(x + bias)  # D3.

def gated_delta(q, k, v, g, beta, scale, tiled=True):
    """D4, or D5 where beta is None, from position 0 on: q, k[positions, key heads, K], v[positions, value heads, V]; g and
    beta[positions, value heads]."""
    heads = v.shape[1]
    of = np.arange(heads) % q.shape[1] if tiled else np.arange(heads) // (heads // q.shape[1])
    state = np.zeros((q.shape[2], heads, v.shape[2]), F32)
    output = np.empty_like(v)
    for t in range(len(v)):
        state = state * exp(g[t])[None, :, None]
        key, query = (part[t][of].T[..., None] for part in (k, q))
        delta = v[t] if beta is None else (v[t] - chain(state, key)) * beta[t][:, None]
        state = fma(key, delta, state)
        output[t] = F32(scale) * chain(state, query)
    return output.reshape(len(v), -1)

def selective_scan(x, steps, keys, queries, rates):
    """D6 from position 0 on: x and steps[positions, channels], keys and queries[positions, numbers], rates[channels, numbers]."""
    state, output = np.zeros(rates.T.shape, F32), np.empty_like(x)
    for t in range(len(x)):
        state = fma(keys[t][:, None], x[t], state * exp(steps[t] * rates.T))
        output[t] = chain(state, queries[t])
    return output

def token_shift(x): return np.concatenate([np.zeros_like(x[:1]), x[:-1]]) - x  # D7 from position 0 on.

def wkv7(queries, decay, keys, values, removal, rates):
    """D8 from position 0 on: all [positions, heads, size]."""
    state, output = np.zeros((values.shape[2],) + values.shape[1:], F32), np.empty_like(values)
    for t in range(len(values)):
        q, g, k, gone, rate = (part[t].T[..., None] for part in (queries, decay, keys, removal, rates))
        known = chain(state, gone)
        state = fma(k, values[t], fma(gone * rate, -known, state * exp(g)))
        output[t] = chain(state, q)
    return output.reshape(len(values), -1)

# E. Mixture of experts ----------------------------------------------------------------------------------------------------
def in_order(x): return np.add.accumulate(np.array([0, *x], F32))[-1]

def best_of(scores, allowed, count):
    """E1: the greatest, one after the other; of equal ones the lower."""
    left, found = list(allowed), []
    for _ in range(count):
        best = left[0]
        for e in left[1:]:
            if scores[e] > scores[best]:
                best = e
        found.append(best)
        left.remove(best)
    return found

def sparse_mixer(l, used):
    """E7 for one token: weights by expert."""
    left, weights = list(range(len(l))), {}
    for _ in range(used):
        (e,), others = best_of(l, left, 1), l[left]
        unit = np.where(l[e] > np.abs(others), l[e], np.abs(others))
        weights[e] = F32(1) / in_order(exp(others - l[e])[~((l[e] - others) / unit > F32(0.02))])
        left.remove(e)
    return dict(sorted(weights.items()))

def route(l, used, scoring="softmax", bias=None, groups=None, bound=None, scale=1.0, factors=None):
    """E1, E2, E4, E5, E7 for one token: weights by expert, ascending. `groups` is (count, used, best)."""
    if scoring == "sparse-mixer":
        return sparse_mixer(l, used)
    if scoring == "softmax":
        p = exp(l - np.fmax.reduce(l, initial=F32(-np.inf)))
        q = p * (F32(1) / lane_sum16(p, np.add))
    else:
        q = sigmoid(l) if scoring == "sigmoid" else l
    choice = l if bias is None and groups is None else q if bias is None else q + bias
    allowed = range(len(l))
    if groups is not None:
        count, groups_used, best = groups
        size = len(l) // count
        sums = [in_order(choice[best_of(choice, range(g * size, g * size + size), best)]) for g in range(count)]
        kept = sorted(best_of(sums, range(count), groups_used))
        allowed = [e for g in kept for e in range(g * size, g * size + size)]
    chosen = sorted(best_of(choice, allowed, used))
    if scoring == "chosen":
        p = exp(l[chosen] - np.fmax.reduce(l[chosen], initial=F32(-np.inf)))
        weights = p / in_order(p)
    else:
        weights = q[chosen]
    if bound is not None:
        weights = weights / np.maximum(in_order(weights), F32(bound))
    weights = weights * F32(scale)
    return dict(zip(chosen, weights if factors is None else weights * factors[chosen]))

def experts(x, choices, gates, ups, downs, activation, biases=(None, None, None)):
    """E3, E6: matrices by expert, no `gates` where they have none, and rows of biases by expert."""
    output = np.zeros((len(x), downs[0].rows), F32)
    for e in range(len(ups)):
        at = [t for t, weights in enumerate(choices) if e in weights]
        if at:
            part = x[at]
            of_gate, of_up, of_down = (None if bias is None else bias[e] for bias in biases)
            up = product(ups[e], part, of_up)
            hidden = gate(activation, product(gates[e], part, of_gate), up) if gates else activation(up)
            weight = np.array([choices[t][e] for t in at], F32)
            output[at] = fma(weight[:, None], product(downs[e], hidden, of_down), output[at])
    return output

# Models -------------------------------------------------------------------------------------------------------------------
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}

class File:
    """One GGUF file: metadata, and tensors as matrices (vectors have one row, stacks of matrices are lists)."""
    def __init__(self, path):
        self.path, self.keys, self.tensors = path, {}, {}
        try:
            with open(path, "rb") as file:
                self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.read()
        except (struct.error, KeyError, IndexError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise Refused(f"{path} cannot be read as GGUF ({error})") from error

    def take(self, form):
        (value,) = struct.unpack_from(form, self.bytes, self.at)
        self.at += struct.calcsize(form)
        return value

    def string(self):
        size = self.take("<Q")
        self.at += size   # past the end, the next number cannot be taken
        return self.bytes[self.at - size : self.at].decode()

    def count(self):
        count = self.take("<Q")
        if count > MAX_GGUF_COUNT:
            raise ValueError(f"{count} is no likely count")
        return count

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind != 9:
            return self.take(SCALARS[kind])
        kind, count = self.take("<I"), self.count()
        return [self.value(kind) for _ in range(count)]

    def read(self):
        if self.bytes[:4] != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        self.at = 4
        version = self.take("<I")
        if version not in (2, 3):
            raise ValueError(f"version {version} is not known")
        tensors, keys = self.count(), self.count()
        for _ in range(keys):
            name = self.string()
            self.keys[name] = self.value(self.take("<I"))
        table = []
        for _ in range(tensors):
            name, dimensions = self.string(), self.take("<I")
            shape = [self.take("<Q") for _ in range(dimensions)]
            table.append((name, shape, self.take("<I"), self.take("<Q")))
        alignment = self.keys.get("general.alignment", 32)
        start = -(-self.at // alignment) * alignment
        for name, shape, kind, offset in table:
            self.tensors[name] = self.tensor(name, shape, kind, start + offset)

    def tensor(self, name, shape, kind, at):
        if kind not in TYPES:
            raise ValueError(f"{name} has type {kind}, which is not known")
        kind, elements, size = TYPES[kind]
        columns, rows, stack, further = (shape + [1, 1, 1])[:4]
        stack *= further
        if columns % elements or columns * rows * stack > MAX_GGUF_COUNT * 256 or len(shape) > 4:
            raise ValueError(f"the shape of {name} is not possible")
        row = columns // elements * size
        data = np.frombuffer(self.bytes, np.uint8, row * rows * stack, at).reshape(stack, rows, row)
        matrices = [Matrix(name, kind, part, columns) for part in data]
        return matrices if len(shape) >= 3 else matrices[0]

# What docs/users/families.md says of each family, in words: how pairs rotate (neighbours, halves, or none at all), the function of the
# feed-forward part, norms about the mean, parts that read the same input (parallel), the embedding times the root of its width
# (scaled), the period of its windows, scores that fall with the distance, whether layers without a window rotate (local-rotation),
# norms of heads after rotation, blocks of one part (single), and last layers that read what earlier ones stored (shared).
FAMILIES = {name: set(words.split()) for names, words in (
    ("llama deepseek deepseek2 ernie4_5 ernie4_5-moe internlm2 smollm3 mistral3 granite granitemoe minicpm glm4 chatglm", "neighbours silu"),
    ("exaone qwen2 qwen2vl qwen2moe qwen3 qwen3moe qwen3vl qwen3vlmoe qwen35 qwen35moe seed_oss olmoe dots1 glm4moe", "halves silu"),
    ("bailingmoe2 minimax-m2 hy_v3", "halves silu"), ("hunyuan-dense hunyuan-moe", "halves silu norms-after"), ("arcee", "neighbours squared-relu"),
    ("phi3", "halves silu windows"), ("olmo2", "halves silu period-4 local-base"), ("exaone4", "halves silu period-4 local-rotation"),
    ("afmoe", "halves silu period-4 scaled"), ("gemma", "halves gelu scaled"), ("gemma2", "halves gelu scaled period-2"),
    ("gemma3", "halves gelu scaled period-6 local-base"), ("command-r", "neighbours silu mean parallel"),
    ("cohere2", "neighbours silu mean parallel period-4 local-rotation"), ("phi2", "halves gelu mean parallel"),
    ("gptneox", "halves gelu-erf mean"), ("nemotron", "halves squared-relu mean"), ("starcoder2", "halves gelu mean"),
    ("stablelm", "halves silu mean"), ("gpt2", "gelu mean"), ("bloom", "gelu mean distances"), ("mpt", "gelu-erf mean"),
    ("gpt-oss", "halves bounded-silu period-2"), ("gemma4", "halves gelu scaled period-6 local-base shared"),
    ("gemma3n", "halves gelu scaled period-5 local-base shared"), ("lfm2 lfm2moe", "halves silu windows"), ("jamba", "silu"),
    ("mamba mamba2", "single"), ("nemotron_h nemotron_h_moe", "squared-relu single"), ("falcon-h1 bitnet", "halves silu"),
    ("granitehybrid baichuan", "neighbours silu"), ("phimoe", "halves silu mean windows"), ("falcon", "halves gelu-erf mean parallel"),
    ("rwkv7", "mean"), ("apertus", "halves xielu")) for name in names.split()}
# Bounds of the sum of experts' weights where it is not the key expert_weights_norm that says whether there is one.
BOUNDS = {**dict.fromkeys(("llama", "qwen3moe", "qwen3vlmoe", "gemma4"), 2.0**-14),
          **dict.fromkeys(("granitemoe", "granitehybrid", "qwen35moe", "minimax-m2", "ernie4_5-moe", "hunyuan-moe", "lfm2moe"), 1e-20)}
# What weighs experts, by the metadata's number, and by the family where they have none.
SCORING = {1: "softmax", 2: "sigmoid", "gpt-oss": "chosen", "phimoe": "sparse-mixer",
           **dict.fromkeys(("jamba", "granitehybrid", "ernie4_5-moe"), "softmax"),
           **dict.fromkeys(("afmoe", "glm4moe", "hy_v3", "minimax-m2", "nemotron_h_moe"), "sigmoid")}

class Model:
    """A model of one of the families, from all its files in order."""
    def __init__(self, paths):
        files = [File(path) for path in paths]
        self.digests = [hashlib.sha256(file.bytes).hexdigest() for file in files]
        self.keys, self.read = files[0].keys, set()
        self.tensors = {name: tensor for file in files for name, tensor in file.tensors.items()}
        if len(paths) != self.keys.get("split.count", 1):
            raise Refused(f"the model has {self.keys.get('split.count')} files; give --model once for each, in order")
        self.family = self.keys.get("general.architecture")
        refuse(self.family not in FAMILIES, f"models of the family {self.family} are not verified here")
        self.layers = self.key("block_count") - self.key("nextn_predict_layers", 0)
        self.words = {"silu", "distances"} if (self.family, self.layers) == ("baichuan", 40) else FAMILIES[self.family]   # the large one
        self.width, self.heads = self.key("embedding_length"), self.count("attention.head_count", 1)
        self.kv_heads = self.count("attention.head_count_kv", self.heads)
        self.head = self.key("attention.key_length", self.width // self.heads)
        about_mean = self.keys.get(f"{self.family}.attention.layer_norm_epsilon") if "mean" in self.words else None
        self.epsilon = self.key("attention.layer_norm_rms_epsilon") if about_mean is None else about_mean
        shared = self.key("attention.shared_kv_layers", max(self.layers - 20, 0) if self.family == "gemma3n" else 0)
        self.owners = self.layers - shared if "shared" in self.words else self.layers   # the others read what these stored
        self.vocabulary = self.tensor("token_embd.weight").rows
        self.activation = next((ACTIVATIONS[word] for word in self.words if word in ACTIVATIONS), None)

    def key(self, name, default=None):
        value = self.keys.get(f"{self.family}.{name}", default)
        refuse(value is None, f"the model's metadata lack {self.family}.{name}")
        return value

    def count(self, name, default):
        """The count of the first layer that has any; those without state 0."""
        counts = self.key(name, default)
        return next((n for n in (counts if isinstance(counts, list) else [counts]) if n), default)

    def factor(self, name, default=0.0): return self.key(name, 0.0) or default  # 0 means none.

    def tensor(self, name):
        refuse(name not in self.tensors, f"the model lacks the tensor {name}")
        self.read.add(name)
        return self.tensors[name]

    def vector(self, name, optional=False):
        """All numbers of a tensor, in their order."""
        if optional and name not in self.tensors:
            return None
        tensor = self.tensor(name)
        return np.concatenate([matrix.values() for matrix in (tensor if isinstance(tensor, list) else [tensor])], axis=None)

    def fingerprint(self, cache, long):
        """What docs/auditors/receipts.md says that it is made of."""
        lines = [f"contract {CONTRACT}", *(f"file {digest}" for digest in self.digests), f"cache {cache}"]
        lines += ["rope long"] if long else []
        return f"hefu{CONTRACT}-{hashlib.sha256(''.join(line + chr(10) for line in lines).encode()).hexdigest()[:32]}"

    def profile(self, fingerprint):
        """The cache and the set of factors that give this fingerprint."""
        for long in (False, True) if "rope_factors_long.weight" in self.tensors else (False,):
            for cache in ("f16", "q8", "i8"):
                if self.fingerprint(cache, long) == fingerprint:
                    return cache, long
        refuse("+edited-" in fingerprint,
               f"the receipt is of an edited model, {fingerprint}, and holds no edits, so that the answer cannot be made again by it")
        raise Refused(f"the receipt is of another model: its fingerprint is {fingerprint}, this model's {self.fingerprint('f16', False)}")

    # Rotation and windows

    def scaling(self):
        """P3 by the metadata: None, or its type and numbers."""
        get = lambda name, default=0.0: self.key(f"rope.{name}", default)
        factor = get("scaling.factor") or get("scale_linear")
        kind = get("scaling.type", "linear")
        if kind in ("none", "longrope") or (kind == "linear" and factor in (0.0, 1.0)):
            return None
        if kind == "linear":
            return {"type": kind, "factor": factor}
        refuse(kind != "yarn" or not factor, f"the rotation's scaling {kind} is not verified here")
        growth, multiplier = log_scalar(factor), get("scaling.yarn_log_multiplier")
        magnitude = get("scaling.yarn_attn_factor", 0.1 * growth + 1.0)
        if self.family == "mistral3":
            magnitude /= 0.1 * multiplier * growth + 1.0
        is_latent = self.family == "deepseek2" and multiplier > 0
        return {"type": kind, "factor": factor, "fast": get("scaling.yarn_beta_fast", 32.0), "slow": get("scaling.yarn_beta_slow", 1.0),
                "original": float(get("scaling.original_context_length", self.key("context_length", 0))),
                "extrapolation": get("scaling.yarn_ext_factor", 1.0), "magnitude": 1.0 if is_latent else magnitude,
                "scores": (multiplier * growth + 1.0) ** 2 if is_latent else 1.0}

    def angles(self, count, head, long, local=False):
        rotated, magnitude = self.key("rope.dimension_count", head), self.key("rope.scaling.attn_factor", 1.0)
        base = self.key("rope.freq_base", 10000.0)
        magnitude = 1.243163121016122 if self.family == "phimoe" and "rope_factors_short.weight" in self.tensors else magnitude
        if local:
            if self.family == "gemma4":
                rotated, magnitude = self.key("rope.dimension_count_swa", head) // 2 * 2, 1.0
            base = self.key("rope.freq_base_swa", base if self.family == "olmo2" else 10000.0)
            return Angles(range(count), base, rotated, None, magnitude, None)
        names = "rope_freqs", "rope_factors_long" if long else "rope_factors_short"
        factors = next((self.vector(f"{name}.weight") for name in names if f"{name}.weight" in self.tensors), None)
        return Angles(range(count), base, rotated, self.scaling(), magnitude, factors)

    def is_local(self, layer):
        """Whether a layer of a model with windows has one."""
        period = next((int(word[7:]) for word in self.words if word.startswith("period-")), 1)
        pattern = self.key("attention.sliding_window_pattern", period) if period > 1 else period
        return "windows" in self.words or (pattern[layer] if isinstance(pattern, list) else layer % pattern < pattern - 1)

    def is_rotated(self, layer, window):
        if self.family in ("smollm3", "afmoe") and (layer + 1) % 4 == 0 or "local-rotation" in self.words and self.window and not window:
            return False
        finetuned = self.family not in ("granite", "granitemoe", "granitehybrid") or self.key("rope.scaling.finetuned", True)
        return bool(self.words & {"halves", "neighbours"}) and finetuned

    # The program

    def hidden(self, tokens, first, cache, long):
        """What the last block leaves at the positions from `first` on, by one prefill."""
        count, tokens, is_streamed = len(tokens), np.array(tokens), "altup_proj.weight" in self.tensors
        scale = np.sqrt(F32(self.width)) if "scaled" in self.words else 12.0 if self.family == "minicpm" else 1.0
        x = self.tensor("token_embd.weight").slice(tokens).values() * F32(self.factor("embedding_scale", scale))
        if "position_embd.weight" in self.tensors:
            x = x + self.tensor("position_embd.weight").slice(np.arange(count)).values()
        if "token_embd_norm.weight" in self.tensors and not self.family.startswith("lfm2"):
            x = self.norm("", "token_embd_norm", x)
        self.window = self.factor("attention.sliding_window", 4096 if self.family == "gemma2" else None)
        head = self.key("attention.key_length_mla") if self.family == "deepseek2" else self.head
        self.cache, self.positions, self.trace, self.stored = cache, np.arange(count), [], {}
        self.everywhere = self.nearby = self.angles(count, head, long) if self.words & {"halves", "neighbours"} else None
        if "local-base" in self.words:
            self.nearby = self.angles(count, self.key("attention.key_length_swa", head), long, local=True)
        self.token_rows = self.rows_of_layers(x, tokens) if "per_layer_token_embd.weight" in self.tensors else None
        x = self.spread(x) if is_streamed else x
        for layer in range(self.layers):
            x = (self.streams if is_streamed else self.block)(x, f"blk.{layer}.", layer)
            self.trace.append([hashlib.sha256(row.tobytes()).digest() for row in (x[-1] if is_streamed else x)])
        return (self.gather(x) if is_streamed else x)[first:]

    def last(self, x):
        """Logits of rows of `hidden`."""
        x = self.norm("", "token_embd_norm" if self.family.startswith("lfm2") else "output_norm", x)
        logits = self.linear("", "output" if "output.weight" in self.tensors else "token_embd", x)
        self.refuse_unread()
        scale = F32(self.factor("logit_scale", self.width / 256 if self.family == "minicpm" else 1.0))
        logits = logits * (scale if "mean" in self.words else F32(1) / scale)   # families without that hold the reciprocal
        cap = self.factor("final_logit_softcapping", 30.0 if self.family in ("gemma2", "gemma3n") else None)
        return soft_cap(logits, F32(cap)) if cap else logits

    def linear(self, prefix, name, x):
        """The product with a matrix, times the factor of the whole matrix where the file has one."""
        output = product(self.tensor(f"{prefix}{name}.weight"), x, self.vector(f"{prefix}{name}.bias", optional=True))
        factor = self.vector(f"{prefix}{name}.scale", optional=True)
        return output if factor is None else output * factor

    def refuse_unread(self):
        """Answers depend on every tensor, so one that no step asked for means that the verifier does not know this model."""
        # Blocks that only guess; the set of rotation factors of the other length; divisors of inputs that stay as they are here.
        spare = ("rope_factors_", *(f"blk.{layer}." for layer in range(self.layers, self.key("block_count"))))
        unread = [name for name in self.tensors.keys() - self.read if not name.startswith(spare) and not name.endswith(".input_scale")]
        refuse(unread, f"the tensor {min(unread, default=None)} is not used here, so that models which have it are not verified")

    def norm(self, prefix, name, x):
        """N1 or N3, of parts as long as the gain."""
        name = prefix + name
        gain = self.vector(name if name in self.tensors else name + ".weight")   # falcon-h1 has one without an end
        bias = self.vector(name + ".bias", optional=True)
        return layer_norm(x, gain, bias, self.epsilon, len(gain)) if "mean" in self.words else rms_norm(x, gain, self.epsilon, len(gain))

    def block(self, x, prefix, layer):
        has = lambda name: f"{prefix}{name}.weight" in self.tensors
        if self.family == "rwkv7":
            x = x + self.time_mix(self.norm(prefix, "attn_norm", x), prefix)
            return x + self.channel_mix(self.norm(prefix, "attn_norm_2", x), prefix)
        is_after = has("post_ffw_norm")   # norms after the parts, in some families instead of those before
        normed = x if is_after and not has("attn_norm") else self.norm(prefix, "attn_norm_2" if has("attn_norm_2") else "attn_norm", x)
        scale = F32(self.factor("residual_scale", F32(1.4) / np.sqrt(F32(self.layers)) if self.family == "minicpm" else 1.0))
        attended = self.part(prefix)(normed, prefix, layer)
        if self.family == "falcon-h1":
            attended = self.attention(normed, prefix, layer) + attended
        attended = (self.norm(prefix, "post_attention_norm", attended) if is_after else attended) * scale
        between, x = x, x + attended
        if "single" in self.words:
            return x
        if has("attn_norm_2"):
            normed = self.norm(prefix, "attn_norm", between)
        if "parallel" not in self.words:
            before = "post_attention_norm" if has("post_attention_norm") and not is_after else "ffn_norm"
            between = between if self.family == "gptneox" and self.key("use_parallel_residual", True) else x
            is_plain = is_after and not has("ffn_norm") or has("pre_ffw_norm_2")
            normed = between if is_plain else self.norm(prefix, before, between)
        mixed = self.feed_forward(normed, prefix, layer)
        x = x + (self.norm(prefix, "post_ffw_norm", mixed) if is_after else mixed) * scale
        x = x if self.token_rows is None else x + self.row_of_layer(x, prefix, layer)
        return x * self.vector(prefix + "layer_output_scale.weight") if has("layer_output_scale") else x

    def part(self, prefix):
        """What stands in the place of attention, by a tensor that only it has."""
        parts = (("ssm_alpha", self.delta), ("attn_kv_a_mqa", self.latent), ("shortconv.conv", self.convolution), ("ssm_x", self.selective),
                 ("ssm_in", self.scan), ("attn_output", self.attention))
        return next((part for name, part in parts if f"{prefix}{name}.weight" in self.tensors), self.feed_forward)

    def attention(self, x, prefix, layer):
        window, gates = self.window if self.is_local(layer) else None, None
        angles = self.nearby if window else self.everywhere
        head = self.key("attention.key_length_swa", self.head) if window and self.family == "gemma4" else self.head
        if layer >= self.owners and bool(window) in self.stored:
            q, k, v = self.linear(prefix, "attn_q", x), None, None
            self.read.update(name for name in self.tensors if name.startswith((prefix + "attn_k", prefix + "attn_v")))
        elif prefix + "attn_qkv.weight" in self.tensors:
            sizes = self.heads * head, self.kv_heads * head
            q, k, v = (np.ascontiguousarray(part) for part in np.split(self.linear(prefix, "attn_qkv", x), np.cumsum(sizes), axis=1))
        else:
            q, k = (self.linear(prefix, name, x) for name in ("attn_q", "attn_k"))
            v = self.linear(prefix, "attn_v", x) if prefix + "attn_v.weight" in self.tensors or self.family != "gemma4" else k
        if self.family.startswith("qwen35"):
            q = q.reshape(len(x), self.heads, 2 * head)
            q, gates = (np.ascontiguousarray(part).reshape(len(x), -1) for part in (q[..., :head], q[..., head:]))
        elif prefix + "attn_gate.weight" in self.tensors:
            gates = self.linear(prefix, "attn_gate", x)
        if "shared" in self.words and v is not None:
            v = rms_norm(v, None, self.epsilon, head)
        for step in ("rotation", "norms") if "norms-after" in self.words else ("norms", "rotation"):
            if step == "norms" and prefix + "attn_q_norm.weight" in self.tensors:
                q, k = self.norm(prefix, "attn_q_norm", q), None if k is None else self.norm(prefix, "attn_k_norm", k)
            elif step == "rotation" and self.is_rotated(layer, window):
                q, k = (None if part is None else angles.rotate(part, head, 0, "neighbours" in self.words) for part in (q, k))
        if growth := self.factor("attention.temperature_scale"):
            original = self.key("rope.scaling.original_context_length", self.key("context_length", 0))
            q = q * temperature(self.positions, growth, original)[:, None]
        if k is not None:
            self.stored[bool(window)] = [Stored(part.reshape(len(x), k.shape[1] // head, -1), self.cache, part is v) for part in (k, v)]
        # Gemma of 27 billion parameters, alone with so many layers, scales by its width per head.
        size = self.width // self.heads if (self.family, self.layers) in (("gemma2", 46), ("gemma3", 62)) else head
        scale = self.factor("attention.scale", 1.0 if "shared" in self.words else 1 / np.sqrt(F64(size)))
        cap = self.factor("attn_logit_softcapping", 50.0) if self.family == "gemma2" else None
        alibi = 8.0 if "distances" in self.words else self.factor("attention.max_alibi_bias")
        sinks = self.vector(prefix + "attn_sinks.weight", optional=True)
        output = attend(q, *self.stored[bool(window)], self.heads, scale, self.positions, window, cap, alibi, sinks)
        output = output if gates is None else sigmoid(gates) * output
        output = self.norm(prefix, "attn_sub_norm", output) if prefix + "attn_sub_norm.weight" in self.tensors else output
        return self.linear(prefix, "attn_output", output)

    def latent(self, x, prefix, layer):
        key, rank, heads = self.key("attention.key_length_mla"), self.key("attention.kv_lora_rank"), self.heads
        rotated = self.key("rope.dimension_count")
        plain = key - rotated
        if prefix + "attn_q_a.weight" in self.tensors:
            q = self.linear(prefix, "attn_q_b", self.norm(prefix, "attn_q_a_norm", self.linear(prefix, "attn_q_a", x)))
        else:
            q = self.linear(prefix, "attn_q", x)
        latent = self.linear(prefix, "attn_kv_a_mqa", x)
        q = self.everywhere.rotate(q, key, plain, True).reshape(len(x), heads, key)
        absorbed = head_product(self.tensor(prefix + "attn_k_b.weight"), q[..., :plain]).reshape(len(x), heads, rank)
        q = np.concatenate([absorbed, q[..., plain:]], axis=-1).reshape(len(x), -1)
        k = np.concatenate([self.norm(prefix, "attn_kv_a_norm", np.ascontiguousarray(latent[:, :rank])),
                            self.everywhere.rotate(np.ascontiguousarray(latent[:, rank:]), rotated, 0, True)], axis=1)
        # A value is the first elements of its key (A1): whole blocks in q8, so that these round to the same.
        keys, values = Stored(k[:, None], self.cache), Stored(k[:, None, :rank], self.cache, True)
        scale = (self.scaling() or {}).get("scores", 1.0) / np.sqrt(F64(key))
        output = attend(q, keys, values, heads, scale, self.positions).reshape(len(x), heads, rank)
        return self.linear(prefix, "attn_output", head_product(self.tensor(prefix + "attn_v_b.weight"), output))

    def convolution(self, x, prefix, layer):
        opens, closes, x = np.split(self.linear(prefix, "shortconv.in_proj", x), 3, axis=1)
        convolved = short_conv(x * opens, self.tensor(prefix + "shortconv.conv.weight").values())
        return self.linear(prefix, "shortconv.out_proj", convolved * closes)

    def conv1d(self, x, prefix):
        name = prefix + "ssm_conv1d"
        return short_conv(x, self.tensor(name + ".weight").values(), self.vector(name + ".bias", optional=True), silu)

    def scan(self, x, prefix, layer):
        """Mamba 2."""
        size, groups, heads, inner = (self.key("ssm." + name) for name in ("state_size", "group_count", "time_step_rank", "inner_size"))
        gates, mixed, steps = np.split(self.linear(prefix, "ssm_in", x), (inner, 2 * (inner + groups * size)), axis=1)
        values, k, q = np.split(self.conv1d(mixed, prefix), (inner, inner + groups * size), axis=1)
        steps = softplus(steps + self.vector(prefix + "ssm_dt.bias"))
        values = values.reshape(len(x), heads, -1)
        k, q = (part.reshape(len(x), groups, size) for part in (k, q))
        scanned = gated_delta(q, k, values * steps[..., None], steps * self.vector(prefix + "ssm_a"), None, 1.0, tiled=False)
        output = silu(gates) * (scanned + (values * self.vector(prefix + "ssm_d")[:, None]).reshape(len(x), -1))
        if prefix + "ssm_norm.weight" in self.tensors:
            output = rms_norm(output, None, self.epsilon, inner // groups) * self.vector(prefix + "ssm_norm.weight")
        return self.linear(prefix, "ssm_out", output)

    def selective(self, x, prefix, layer):
        """Mamba 1."""
        rank, size = self.key("ssm.time_step_rank"), self.key("ssm.state_size")
        mixed, gates = np.split(self.linear(prefix, "ssm_in", x), 2, axis=1)
        values = self.conv1d(mixed, prefix)
        parts = np.split(self.linear(prefix, "ssm_x", values), np.cumsum((rank, size)), axis=1)
        if prefix + "ssm_dt_norm.weight" in self.tensors:
            parts = [self.norm(prefix, name, part) for name, part in zip(("ssm_dt_norm", "ssm_b_norm", "ssm_c_norm"), parts)]
        elif self.key("ssm.dt_b_c_rms", False):
            parts = [rms_norm(part, None, 1e-6) for part in parts]
        steps, rates = softplus(self.linear(prefix, "ssm_dt", parts[0])), self.tensor(prefix + "ssm_a").values()
        scanned = selective_scan(values * steps, steps, *parts[1:], rates) + values * self.vector(prefix + "ssm_d")
        return self.linear(prefix, "ssm_out", silu(gates) * scanned)

    def time_mix(self, x, prefix):
        """RWKV 7: what sees earlier positions."""
        shape = len(x), self.width // self.key("wkv.head_size"), self.key("wkv.head_size")
        vector = lambda name: self.vector(f"{prefix}time_mix_{name}")
        linear = lambda name, x: self.linear(prefix, "time_mix_" + name, x)
        low = lambda letter, x, between=lambda x: x: linear(letter + "2", between(linear(letter + "1", x)))
        shares, shift = vector("lerp_fused.weight").reshape(6, -1), token_shift(x)
        of_q, of_decay, of_k, of_v, of_rates, of_gates = (x + shift * share for share in shares)
        queries, keys, values = linear("receptance", of_q), linear("key", of_k), linear("value", of_v)
        decay = sigmoid(low("w", of_decay, tanh) + vector("w0.weight")) * F32(-0.60653066)
        rates, gates = sigmoid(low("a", of_rates) + vector("a0.weight")), low("g", of_gates, sigmoid)
        if self.stored:
            share = sigmoid(low("v", of_v) + vector("v0.weight"))
            values = values + (self.stored["values"] - values) * share
        else:
            self.stored["values"] = values
            self.read.update(f"{prefix}time_mix_v{part}.weight" for part in range(3))
        removal = l2_norm(keys * vector("k_k.weight"), shape[2], 1e-24)
        weighed = keys * vector("k_a.weight")
        keys = keys + (weighed * rates - weighed)
        read = wkv7(*(part.reshape(shape) for part in (queries, decay, keys, values, removal, rates)))
        read = layer_norm(read, None, None, 64e-5, shape[2]) * vector("ln.weight") + vector("ln.bias")
        bonus = chain(np.moveaxis((keys * queries).reshape(shape), 2, 0), vector("r_k.weight").reshape(shape[1:]).T)
        read = read + (values.reshape(shape) * bonus[..., None]).reshape(len(x), -1)
        return linear("output", read * gates)

    def channel_mix(self, x, prefix):
        mixed = x + token_shift(x) * self.vector(prefix + "channel_mix_lerp_k.weight")
        return self.linear(prefix, "channel_mix_value", squared_relu(self.linear(prefix, "channel_mix_key", mixed)))

    # Gemma 3n and 4

    def rows_of_layers(self, x, tokens):
        """What each token brings to every layer: [layers, tokens, elements]."""
        size = self.key("embedding_length_per_layer_input")
        rows = self.tensor("per_layer_token_embd.weight").slice(tokens).values() * np.sqrt(F32(size))
        given = self.linear("", "per_layer_model_proj", x) * (F32(1) / np.sqrt(F32(self.width)))
        given = (self.norm("", "per_layer_proj_norm", given) + rows) * (F32(1) / np.sqrt(F32(2)))
        return given.reshape(len(tokens), -1, size).transpose(1, 0, 2)

    def row_of_layer(self, x, prefix, layer):
        opened = gelu(self.linear(prefix, "inp_gate", x)) * self.token_rows[layer]
        return self.norm(prefix, "post_norm", self.linear(prefix, "proj", opened))

    def two_parts(self, x, prefix):
        """The dense part and experts, each with norms of its own."""
        dense = self.norm(prefix, "post_ffw_norm_1", self.dense(self.norm(prefix, "ffn_norm", x), prefix))
        routed = rms_norm(x, None, self.epsilon) * (F32(1) / np.sqrt(F32(self.width))) * self.vector(prefix + "ffn_gate_inp.scale")
        scores, factors = product(self.tensor(prefix + "ffn_gate_inp.weight"), routed), self.vector(prefix + "ffn_down_exps.scale", optional=True)
        return dense + self.norm(prefix, "post_ffw_norm_2", self.mixture(self.norm(prefix, "pre_ffw_norm_2", x), prefix, scores, factors))

    def spread(self, x):
        """The streams of Gemma 3n: [streams, tokens, elements]."""
        return np.stack([x, *(matched(product(matrix, x), x) for matrix in self.tensor("altup_proj.weight"))])

    def gather(self, x):
        total = x[0]
        for matrix, stream in zip(self.tensor("altup_unembd_proj.weight"), x[1:]):
            total = total + matched(product(matrix, stream), x[0])
        return total * F32(1 / len(x))

    def modalities(self, x, prefix):
        return tanh(self.linear(prefix, "altup_router", self.norm(prefix, "altup_router_norm", x) * (F32(1) / F32(self.width))))

    def streams(self, x, prefix, layer):
        """A block of Gemma 3n."""
        mix = self.linear(prefix, "altup_predict_coef", self.modalities(x[0], prefix)).reshape(x.shape[1], len(x), len(x))
        predicted = x.copy()
        for source, stream in enumerate(x):
            predicted = predicted + stream * mix[:, :, source].T[..., None]
        normed = self.norm(prefix, "attn_norm", predicted[0])
        low = self.linear(prefix, "laurel_r", self.linear(prefix, "laurel_l", normed))
        low = self.norm(prefix, "laurel_post_norm", low) + normed
        attended = self.norm(prefix, "post_attention_norm", self.attention(normed, prefix, layer))
        between = (attended + predicted[0] + low) * (F32(1) / np.sqrt(F32(2)))
        made = self.norm(prefix, "post_ffw_norm", self.feed_forward(self.norm(prefix, "ffn_norm", between), prefix, layer)) + between
        error = made - predicted[0]
        factors = self.linear(prefix, "altup_correct_coef", self.modalities(made, prefix))
        x = predicted + (error * factors.T[..., None] + error)
        x[1:] += self.row_of_layer(x[0] * self.vector(prefix + "altup_correct_scale.weight"), prefix, layer)
        return x

    def delta(self, x, prefix, layer):
        size, key_heads, heads = (self.key("ssm." + name) for name in ("state_size", "group_count", "time_step_rank"))
        value = self.key("ssm.inner_size") // heads
        q, k, v = np.split(self.conv1d(self.linear(prefix, "attn_qkv", x), prefix), (key_heads * size, 2 * key_heads * size), axis=1)
        q, k = (l2_norm(part, size, self.epsilon).reshape(len(x), key_heads, size) for part in (q, k))
        g = decay(self.linear(prefix, "ssm_alpha", x), self.vector(prefix + "ssm_a"), self.vector(prefix + "ssm_dt.bias"))
        beta = sigmoid(self.linear(prefix, "ssm_beta", x))
        output = gated_delta(q, k, v.reshape(len(x), heads, value), g, beta, 1 / np.sqrt(F64(size)))
        output = self.norm(prefix, "ssm_norm", output)
        return self.linear(prefix, "ssm_out", silu(self.linear(prefix, "attn_gate", x)) * output)

    def feed_forward(self, x, prefix, layer):
        if prefix + "pre_ffw_norm_2.weight" in self.tensors:
            return self.two_parts(x, prefix)
        return self.mixture(x, prefix) if prefix + "ffn_gate_inp.weight" in self.tensors else self.dense(x, prefix, layer)

    def dense(self, x, prefix, layer=0, end=""):
        up, opens, inner = self.linear(prefix, "ffn_up" + end, x), None, self.tensor(f"{prefix}ffn_down{end}.weight").columns
        if f"{prefix}ffn_gate{end}.weight" in self.tensors:
            opens = self.linear(prefix, "ffn_gate" + end, x)
        elif up.shape[1] == 2 * inner:   # gate and up in one tensor
            opens, up = up[:, :inner], up[:, inner:]
        if self.family == "gemma3n" and (deviations := self.key("activation_sparsity_scale", [1.6448536] * 10 + [0.0] * self.layers)[layer]):
            opens = gaussian_top_k(opens, deviations)
        if "xielu" in self.words:
            hidden = xielu(up, *(self.keys["xielu." + name][layer] for name in ("alpha_p", "alpha_n", "beta")))
        else:
            hidden = self.activation(up) if opens is None else gate(self.activation, opens, up)
        hidden = self.norm(prefix, "ffn_sub_norm", hidden) if prefix + "ffn_sub_norm.weight" in self.tensors else hidden
        return self.linear(prefix, "ffn_down" + end, hidden)

    def mixture(self, x, prefix, scores=None, factors=None):
        scores = self.linear(prefix, "ffn_gate_inp", x) if scores is None else scores
        name = prefix + "exp_probs_b"
        bias = self.vector(name if name in self.tensors else name + ".bias", optional=True)
        gating, count, used = (self.key("expert_" + key, value) for key, value in
                               (("gating_func", self.family), ("group_count", 1), ("group_used_count", 1)))
        refuse(gating not in (1, 2, self.family), f"experts chosen by rule {gating} are not verified here")
        scoring = SCORING.get(gating, "softmax" if bias is None else "sigmoid")
        best = min(2 if bias is not None else 1, scores.shape[1] // max(count, 1))
        bound = BOUNDS.get(self.family, 1e-20 if self.key("expert_weights_norm", False) else None)
        choices = [route(row, self.key("expert_used_count"), scoring, bias, (count, used, best) if count > 1 else None,
                         bound, self.factor("expert_weights_scale", 1.0), factors) for row in scores]
        names = [f"{prefix}ffn_{name}_exps" for name in ("gate", "up", "down")]
        down = self.tensor(names[2] + ".weight")
        if prefix + "ffn_gate_up_exps.weight" in self.tensors:
            both, inner = self.tensor(prefix + "ffn_gate_up_exps.weight"), down[0].columns
            gates, up = ([matrix.slice(part) for matrix in both] for part in (slice(0, inner), slice(inner, None)))
        else:
            gates, up = (self.tensor(name + ".weight") if name + ".weight" in self.tensors else None for name in names[:2])
        biases = [self.tensor(name + ".bias").values() if name + ".bias" in self.tensors else None for name in names]
        output = experts(x, choices, gates, up, down, self.activation, biases)
        if prefix + "ffn_up_shexp.weight" in self.tensors:
            shared = self.dense(x, prefix, end="_shexp")
            if prefix + "ffn_gate_inp_shexp.weight" in self.tensors:
                shared = shared * sigmoid(self.linear(prefix, "ffn_gate_inp_shexp", x))
            output = output + shared
        return output

# S. Sampling --------------------------------------------------------------------------------------------------------------
GREATEST = np.finfo(F32).max

def sampling_exp(x): return exp64(x.astype(F64)).astype(F32)  # S3.

def weights_of(logits, temperature=None):
    """S4 for candidates in order: integers."""
    x = logits - logits.max()
    if temperature is not None:
        x = x / F32(temperature)
    return np.floor(sampling_exp(x).astype(F64) * 2.0**40).astype(I64)

def random_bits(seed, position, purpose):
    """S5: Philox4x32-10."""
    mask, key = 0xFFFFFFFF, [seed & 0xFFFFFFFF, seed >> 32]
    word = [position & mask, position >> 32, purpose, 0]
    for _ in range(10):
        a, b = 0xD2511F53 * word[0], 0xCD9E8D57 * word[2]
        word = [(b >> 32) ^ word[1] ^ key[0], b & mask, (a >> 32) ^ word[3] ^ key[1], a & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return word[0] | word[1] << 32

def recent(history, count): return history if count < 0 else history[max(len(history) - count, 0) :]
def clamp(logits): return np.minimum(np.maximum(logits, -GREATEST), GREATEST)

def penalise(logits, history, p):
    """S9 and S10."""
    window = [id for id in recent(history, p["repeat_last_n"]) if id < len(logits)]
    ids, counts = np.unique(np.array(window, I64), return_counts=True)
    l = logits[ids]
    factor = F32(p["repetition_penalty"])
    l = np.where(l > 0, l / factor, l * factor)
    logits[ids] = l - (counts.astype(F32) * F32(p["frequency_penalty"]) + F32(p["presence_penalty"]))
    logits = clamp(logits)
    dry = p["dry"]
    if dry["multiplier"] == 0:
        return logits
    for token, r in repetitions(recent(history, dry["penalty_last_n"]), dry["breakers"]).items():
        if r < dry["allowed_length"] or token >= len(logits) or [token] in dry["breakers"]:
            continue
        power, base, exponent = 1.0, float(F32(dry["base"])), r - dry["allowed_length"]
        while exponent:
            power = power * base if exponent & 1 else power
            base, exponent = float(F64(base) * F64(base)), exponent >> 1
        penalty = min(F32(F64(F32(dry["multiplier"])) * F64(power)), GREATEST)
        logits[token] = clamp(logits[token] - penalty)
    return logits

def repetitions(window, breakers):
    """S10, steps 1 to 3: the greatest m(j) by token."""
    n = len(window)
    limit = n
    for at in range(n - 1, -1, -1):
        fitting = [len(breaker) for breaker in breakers if window[at : at + len(breaker)] == breaker]
        if fitting:
            limit = n - at - max(fitting)
            break
    found = {}
    for j in range(1, n):
        m = 0
        while m < min(limit, j) and window[j - 1 - m] == window[n - 1 - m]:
            m += 1
        found[window[j]] = max(found.get(window[j], 0), m)
    return found

def first(which): return int(np.argmax(which)) if which.any() else len(which)

def choose(logits, history, p):
    """S1 to S16: the token that follows `history`."""
    bad = np.nonzero(np.isnan(logits) | np.isposinf(logits))[0]
    refuse(len(bad), f"the logits of tokens {bad.tolist()} are NaN or infinite, so that nothing can be chosen")
    out = np.isneginf(logits)
    for id in p["banned"] + p["ignore_eos"]:
        out[id] = True
    logits = logits.copy()
    for id, bias in p["logit_bias"].items():
        logits[int(id)] += F32(bias)
    logits = penalise(clamp(logits), history, p)
    ids = np.nonzero(~out)[0]
    refuse(not len(ids), "no token is left to choose")
    if p["temperature"] == 0:
        return int(ids[np.argmax(logits[ids])])
    ids = cut(logits, ids[np.lexsort((ids, -logits[ids]))], len(history), p)  # S6
    weights = weights_of(logits[ids], p["temperature"])
    sums = np.cumsum(weights)
    point = random_bits(p["seed"], len(history), 0) * int(sums[-1]) >> 64
    return int(ids[np.searchsorted(sums, point, side="right")])

def cut(logits, ids, position, p):
    """S11 to S15."""
    keep = max(1, p["min_keep"])
    if p["top_k"]:
        ids = ids[: max(p["top_k"], keep)]
    if F32(p["typical_p"]) != 1:
        ids = typical(logits, ids, F64(F32(p["typical_p"])), keep)
    if F32(p["top_p"]) != 1:
        sums = np.cumsum(weights_of(logits[ids]))
        ids = ids[: max(keep, first(sums.astype(F64) >= F64(F32(p["top_p"])) * F64(sums[-1])) + 1)]
    if p["min_p"]:
        ids = ids[: max(keep, first(sampling_exp(logits[ids] - logits[ids].max()) < F32(p["min_p"])))]
    probability, threshold = F32(p["xtc"]["probability"]), F32(p["xtc"]["threshold"])
    if probability != 0 and threshold <= F32(0.5):
        uniform = (random_bits(p["seed"], position, 1) >> 11) * 2.0**-53
        weights = weights_of(logits[ids])
        n = first(weights.astype(F64) < F64(threshold) * F64(weights.sum()))
        if uniform < F64(probability) and n > 1 and len(ids) - (n - 1) >= keep:
            ids = ids[n - 1 :]
    return ids

def typical(logits, ids, share, keep):
    """S12."""
    weights = weights_of(logits[ids])
    total = F64(weights.sum())
    live = weights > 0
    p = weights[live].astype(F64) / total
    s = (-log64(p).astype(F32)).astype(F64)
    entropy = np.cumsum(np.concatenate([[0.0], p * s]))[-1]
    distance = np.full(len(ids), np.inf)
    distance[live] = np.abs(s - entropy)
    order = np.argsort(distance, kind="stable")
    count = max(keep, first(np.cumsum(weights[order]).astype(F64) > share * total) + 1)
    return ids[np.sort(order[:count])]

# Receipts -----------------------------------------------------------------------------------------------------------------
REQUIRED = {"id", "time", "model", "fingerprint", "software", "prompt", "parameters", "end_tokens", "max_tokens", "context",
            "grammar", "output", "finish"}
OPTIONAL = {"started", "text_digest", "template_digest", "stop_digest", "trace"}
PARAMETERS = {"temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "repeat_last_n", "presence_penalty",
              "frequency_penalty", "dry", "xtc", "logit_bias", "banned", "ignore_eos", "seed", "min_keep", "logprobs"}
DRY = {"multiplier", "base", "allowed_length", "penalty_last_n", "breakers"}
XTC = {"probability", "threshold"}
FINISHES = ("end_token", "max_tokens", "context", "complete", "stop_string", "cancelled")

class Fraction(float):
    """A number that is not whole, as it was written."""

def unique(pairs):
    found = dict(pairs)
    refuse(len(found) != len(pairs), "no receipt: a field is there twice")
    return found

def no_constant(text): raise Refused(f"no receipt: {text} is not JSON")

DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_float=Fraction, parse_constant=no_constant)
LAYOUT = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')

def shortest(number):
    """The shortest decimal that reads back as the same binary32, as ECMAScript writes numbers."""
    mantissa, exponent = np.format_float_scientific(F32(number), unique=True, trim="-").split("e")
    sign, digits, exponent = mantissa[: mantissa[0] == "-"], mantissa.lstrip("-").replace(".", ""), int(exponent)
    if -7 < exponent < 0:
        return sign + "0." + "0" * (-exponent - 1) + digits
    if 0 <= exponent < 21:
        digits = digits.ljust(exponent + 1, "0")
        return sign + digits[: exponent + 1] + ("." + digits[exponent + 1 :] if digits[exponent + 1 :] else "")
    return sign + digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{exponent:+d}".replace("+", "")

def canonical(value):
    if isinstance(value, dict):
        # The order of characters is that of their UTF-8 bytes.
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, Fraction):
        return shortest(value)
    return json.dumps(value, ensure_ascii=False)

def documents(text):
    """All receipts of a file, each parsed and in canonical form."""
    at = 0
    while (at := re.compile(r"[ \t\r\n]*").match(text, at).end()) < len(text):
        try:
            value, end = DECODER.raw_decode(text, at)
            form = canonical(value)
        except (json.JSONDecodeError, RecursionError, UnicodeEncodeError) as error:
            raise Refused(f"no receipt: not JSON ({error})") from error
        refuse(LAYOUT.sub(lambda found: found[1] or "", text[at:end]) != form, "changed after it was made: it is not in canonical form")
        yield value
        at = end

def fields(value, required, optional=frozenset(), what="the receipt"):
    refuse(not isinstance(value, dict), f"no receipt: {what} is no object")
    if lacking := sorted(required - value.keys()):
        raise Refused(f"no receipt: {what} lacks {lacking[0]}")
    if unknown := sorted(value.keys() - required - optional):
        raise Refused(f"no receipt: {what} has the unknown field {unknown[0]}")
    return value

def check_form(receipt):
    fields(receipt, {"version", "answer", "key", "digest", "signature"})
    refuse(receipt["version"] != 1, f"receipts of version {receipt['version']} are not known here")
    answer = fields(receipt["answer"], REQUIRED, OPTIONAL, "the answer")
    parameters = fields(answer["parameters"], PARAMETERS, what="the parameters")
    fields(parameters["dry"], DRY, what="dry")
    fields(parameters["xtc"], XTC, what="xtc")
    lists = [answer["output"], answer["end_tokens"], parameters["banned"], parameters["ignore_eos"]]
    fields(answer["prompt"], set(), {"tokens", "hash"}, "the prompt")
    lists.append(answer["prompt"].get("tokens", []))
    if not all(isinstance(part, list) and all(type(id) is int and 0 <= id < 2**32 for id in part) for part in lists):
        raise Refused("no receipt: its lists of tokens are none")
    if "trace" in answer:
        trace = fields(answer["trace"], {"layers", "positions", "root"}, what="the trace")
        if not all(type(trace[name]) is int and trace[name] > 0 for name in ("layers", "positions")):
            raise Refused("no receipt: its trace counts nothing")
    refuse(answer["finish"] not in FINISHES, f"no receipt: {answer['finish']} is no way to end")
    return answer

def check_signature(receipt, key):
    body = {name: value for name, value in receipt.items() if name not in ("digest", "signature")}
    digest = hashlib.sha256(canonical(body).encode()).digest()
    refuse(receipt["digest"] != digest.hex(), "changed after it was made: the digest is another")
    refuse(key is not None and receipt["key"] != key, f"signed by another key, {receipt['key']}")
    if not (re.fullmatch("[0-9a-f]{64}", receipt["key"]) and re.fullmatch("[0-9a-f]{128}", receipt["signature"])):
        raise Refused("changed after it was made: key or signature is not hexadecimal in lower case")
    public, signature = bytes.fromhex(receipt["key"]), bytes.fromhex(receipt["signature"])
    refuse(not signed(public, b"hefu receipt 1\n" + digest, signature), "changed after it was made: the signature does not belong to it")

# Ed25519 (RFC 8032), with x and y of points.
PRIME, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME

def point_at(data):
    """The point that 32 bytes stand for, or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= PRIME:
        return None
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if (x * x - square) % PRIME or (x == 0 and sign):
        return None
    return PRIME - x if x & 1 != sign else x, y

def add(p, q):
    (a, b), (c, d) = p, q
    product = CURVE * a * b * c * d
    return (a * d + b * c) * pow(1 + product, -1, PRIME) % PRIME, (b * d + a * c) * pow(1 - product, -1, PRIME) % PRIME

def times(n, p):
    total = (0, 1)
    while n:
        total = add(total, p) if n & 1 else total
        p, n = add(p, p), n >> 1
    return total

def signed(public, message, signature):
    """Whether the signature is the key's for this message."""
    base = point_at((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))
    a, r, s = point_at(public), point_at(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    return times(s, base) == add(r, times(k, a))

# Verifying ----------------------------------------------------------------------------------------------------------------
def prompt_of(answer, given):
    """The prompt's tokens, from the receipt or those given for its hash."""
    prompt = answer["prompt"]
    if "tokens" in prompt:
        return prompt["tokens"]
    refuse(given is None, "the prompt is stated by its hash; give its tokens with --prompt-ids")
    stated = prompt["hash"]
    data = bytes.fromhex(stated["salt"]) + b"".join(struct.pack("<I", id) for id in given)
    if len(given) != stated["count"] or hashlib.sha256(data).hexdigest() != stated["sha256"]:
        raise Refused("the tokens of --prompt-ids are not the prompt of this receipt")
    return given

def ending(answer, prompt):
    """What is wrong with the end of an answer whose tokens are right, or None (docs/auditors/receipts.md, Verifying)."""
    output, most, ends = answer["output"], answer["max_tokens"], set(answer["end_tokens"])
    early = [at for at, id in enumerate(output[:-1]) if id in ends]
    if early:
        return f"token {early[0]} of the answer ends it, but more follow"
    if most is not None and len(output) > most:
        return f"the answer has {len(output)} tokens, but at most {most} were asked for"
    if output and output[-1] in ends:
        itself = "end_token"
    elif most == len(output):
        itself = "max_tokens"
    else:
        itself = "context" if len(prompt) + len(output) >= answer["context"] else None
    if answer["finish"] in ("stop_string", "cancelled", itself):
        return None
    return f"it is said to have ended by {answer['finish']}, but its tokens end by {itself or 'nothing'}"

def replay(model, answer, prompt):
    """The verdict on an answer's tokens: (word, sentence, details)."""
    cache, long = model.profile(answer["fingerprint"])
    output, p = answer["output"], answer["parameters"]
    tokens = prompt + output[:-1]
    refuse(not prompt or len(prompt) + len(output) > answer["context"], "the prompt is empty, or it and the answer exceed the context")
    refuse(max(tokens + output) >= model.vocabulary, f"token {max(tokens + output)} is none of this model's")
    hidden, stated = model.hidden(tokens, len(prompt) - 1, cache, long), answer.get("trace")
    for at, token in enumerate(output):
        if at % ROWS == 0:
            rows = model.last(hidden[at : at + ROWS])
        logits = rows[at % ROWS]
        follows = choose(logits, prompt + output[:at], p)
        if follows != token:
            details = {"index": at, "position": len(prompt) + at, "token": token, "follows": follows, "logit": float(logits[token]),
                       "follows_logit": float(logits[follows])}
            return "differs", "differs at token {index} (position {position}): the receipt has {token}, whose logit is {logit!r}, but " \
                "{follows} follows, whose logit is {follows_logit!r}".format(**details), details
    problem = ending(answer, prompt)
    if problem:
        return "ends otherwise", f"ends otherwise: {problem}", {}
    if stated and not fits(stated, model):
        return "trace differs", "trace differs: all tokens are right, but what lies between the layers has another root", {}
    return "matches", f"matches: {len(output)} tokens" + (" and the trace" if stated else ""), {}

def root(leaves):
    """The root of the tree over some digests (docs/auditors/receipts.md, Traces)."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:half]) + root(leaves[half:])).digest()

def fits(stated, model):
    """Whether a trace is the one that was computed last."""
    positions = list(zip(*model.trace))[: stated["positions"]]
    leaves = [digest for position in positions for digest in position]
    return (len(positions), model.layers, root(leaves).hex()) == (stated["positions"], stated["layers"], stated["root"])

def verify(model, receipt, key, prompt_ids):
    """The verdict on one receipt."""
    started, name = time.monotonic(), None
    wrong = "no receipt: a field has another type"
    try:
        answer = check_form(receipt)
        name = answer["id"]
        check_signature(receipt, key)
        prompt = prompt_of(answer, prompt_ids)
        refuse(answer["grammar"] is not None, "an answer under a grammar is not judged here; its form and signature are right")
        wrong = "settings or model do not fit together"
        word, sentence, details = replay(model, answer, prompt)
    except (Refused, MemoryError, TypeError, ValueError, KeyError, AttributeError, IndexError, ArithmeticError, struct.error) as error:
        memory = "this machine's memory is too small for model and answer" if isinstance(error, MemoryError) else None
        why = error if isinstance(error, Refused) else memory or f"{wrong} ({error})"
        word, sentence, details = "refused", f"refused: {why}", {}
    return {"id": name, "verdict": word, "sentence": sentence, **details, "seconds": round(time.monotonic() - started, 3)}

def arguments():
    parser = argparse.ArgumentParser(description="Verifies Hefu's receipts without Hefu (docs/auditors/receipts.md).")
    parser.add_argument("receipts", nargs="+", metavar="RECEIPT", help="files of receipts, one or many in each")
    parser.add_argument("--model", action="append", required=True, metavar="FILE", help="GGUF file; once for each file of a split model")
    parser.add_argument("--key", help="the public key that must have signed: 64 hexadecimal digits")
    parser.add_argument("--prompt-ids", metavar="FILE", help="the tokens of a prompt that the receipt states the hash of")
    parser.add_argument("--json", action="store_true", help="the verdicts as JSON")
    options = parser.parse_args()
    if options.key and not re.fullmatch("[0-9a-f]{64}", options.key):
        parser.error("--key takes 64 hexadecimal digits, as `hefu identity` prints them")
    return options

def read(path):
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_JSON + 1)
        refuse(len(data) > MAX_JSON, f"{path} is larger than {MAX_JSON} bytes")
        return data.decode()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8") from error

def main():
    options, verdicts = arguments(), []
    try:
        model = Model(options.model)
        given = [int(word) for word in re.findall(r"\d+", read(options.prompt_ids))] if options.prompt_ids else None
        for path in options.receipts:
            try:
                for receipt in documents(read(path)):
                    verdicts.append({"file": path, **verify(model, receipt, options.key, given)})
            except Refused as refusal:
                verdicts.append({"file": path, "id": None, "verdict": "refused", "sentence": f"refused: {refusal}"})
            if not any(verdict["file"] == path for verdict in verdicts):
                verdicts.append({"file": path, "id": None, "verdict": "refused", "sentence": "refused: no receipt in it"})
    except Refused as refusal:
        sys.exit(f"{refusal}")
    except OSError as error:
        sys.exit(f"{error.filename} cannot be read: {error.strerror}")
    lines = [f"{verdict['file']}: {verdict['sentence']}" for verdict in verdicts]
    print(json.dumps({"receipts": verdicts}, indent=2) if options.json else "\n".join(lines))
    sys.exit(0 if all(verdict["verdict"] == "matches" for verdict in verdicts) else 1)

if __name__ == "__main__":
    main()
