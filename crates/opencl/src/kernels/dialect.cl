// One source for OpenCL C and CUDA C: what the two spell differently. Everything after this page is written in the words
// that it defines, and in what both languages have in common.

// Items of a group, wherever it matters; the host says so too.
#define GROUP 64u

#ifdef __OPENCL_VERSION__

// Nothing is fused but what is written as `fma` (clause B2).
#pragma OPENCL FP_CONTRACT OFF

#define KERNEL __kernel void
#define FUNCTION static
#define GLOBAL __global
#define LOCAL __local
#define LOCAL_POINTER __local
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define GLOBAL_ID(dimension) ((uint)get_global_id(dimension))
#define LOCAL_ID(dimension) ((uint)get_local_id(dimension))
#define GROUP_ID(dimension) ((uint)get_group_id(dimension))
#define FLOAT_OF(bits) as_float((uint)(bits))
#define BITS_OF(number) as_uint((float)(number))

#else

// Compiled with --fmad=false; division and square root are rounded correctly and subnormals kept unless asked otherwise.
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long long ulong;
typedef signed char schar;

#define KERNEL extern "C" __global__ void
#define FUNCTION static __device__
#define GLOBAL
#define LOCAL __shared__
#define LOCAL_POINTER
#define BARRIER() __syncthreads()
#define PLACE_0 x
#define PLACE_1 y
#define PLACE_2 z
#define PLACE(dimension) PLACE_##dimension
#define GLOBAL_ID(dimension) (blockIdx.PLACE(dimension) * blockDim.PLACE(dimension) + threadIdx.PLACE(dimension))
#define LOCAL_ID(dimension) (threadIdx.PLACE(dimension))
#define GROUP_ID(dimension) (blockIdx.PLACE(dimension))
#define FLOAT_OF(bits) __uint_as_float((uint)(bits))
#define BITS_OF(number) __float_as_uint((float)(number))
#define fma(a, b, c) __fmaf_rn(a, b, c)
#define sqrt(x) __fsqrt_rn(x)
#define fabs(x) fabsf(x)
#define rint(x) rintf(x)

#endif

// A byte with a sign: `char` alone has one in OpenCL C, not everywhere in CUDA C.
#ifdef __OPENCL_VERSION__
typedef char schar;
#endif
