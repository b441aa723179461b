"""A stub of NVIDIA's driver, `libcuda.so.1`, for machines without a card.

It has no device, or one whose capability STUB_CAPABILITY says, such as 7.5. STUB_CUDA is the CUDA
that it runs, such as 12020 for 12.2.
"""

from __future__ import annotations

import shutil
import subprocess

COMPILER = shutil.which('cc') or shutil.which('gcc')

# What libmxnet.so of mxnet-cu117 1.9.1 takes from it: `nm -D --undefined-only libmxnet.so`.
WANTED = (
    'cuDeviceGet',
    'cuDevicePrimaryCtxRetain',
    'cuGetErrorString',
    'cuGraphKernelNodeGetParams',
    'cuGraphNodeGetType',
    'cuLaunchKernel',
    'cuModuleGetFunction',
    'cuModuleLoadData',
    'cuModuleLoadDataEx',
    'cuModuleUnload',
)
ANSWERS = r"""
#include <stdio.h>
#include <stdlib.h>

enum { NO_DEVICE = 100, MAJOR = 75, MINOR = 76 };

static const char *capability(void) { return getenv("STUB_CAPABILITY"); }

int cuInit(unsigned flags) { return capability() ? 0 : NO_DEVICE; }

int cuDriverGetVersion(int *version) {
    const char *given = getenv("STUB_CUDA");
    *version = given ? atoi(given) : 12020;
    return 0;
}

int cuDeviceGetCount(int *count) { *count = capability() ? 1 : 0; return 0; }

int cuDeviceGet(int *device, int index) { *device = index; return capability() ? 0 : NO_DEVICE; }

int cuDeviceGetName(char *name, int size, int device) {
    snprintf(name, size, "Stub of a card");
    return 0;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    int major = 0, minor = 0;
    sscanf(capability(), "%d.%d", &major, &minor);
    *value = attribute == MAJOR ? major : attribute == MINOR ? minor : 0;
    return 0;
}
"""
ANSWERED = ('cuDeviceGet',)


def build(folder):
    """Compile the stub into `folder` and return its path."""
    source, library = folder / 'stub.c', folder / 'libcuda.so.1'
    refusing = [f'int {name}(void) {{ return NO_DEVICE; }}' for name in WANTED]
    refusing = [line for line in refusing if not any(f' {name}(' in line for name in ANSWERED)]
    source.write_text(ANSWERS + '\n'.join(refusing) + '\n')
    command = [COMPILER, '-shared', '-fPIC', '-w', '-Wl,-soname,libcuda.so.1', str(source)]
    subprocess.run([*command, '-o', str(library)], check=True)
    return library
