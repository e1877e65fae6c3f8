package dev.cocovisor.live.sys;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * Functions of this machine's C library by name. Ask where {@link Libc#isLinux} only: a library
 * that lacks one is none that the classes here were written for.
 */
public final class CFunctions {
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");

  private CFunctions() {}

  /** Returns a function whose error number is kept: the handle's first argument is where. */
  public static MethodHandle errno(String name, FunctionDescriptor type, Linker.Option... options) {
    Linker.Option[] all = Arrays.copyOf(options, options.length + 1);
    all[options.length] = ERRNO;
    return plain(name, type, all);
  }

  /** Returns a function as it is. */
  @SuppressWarnings("restricted")
  public static MethodHandle plain(String name, FunctionDescriptor type, Linker.Option... options) {
    Linker linker = Linker.nativeLinker();
    MemorySegment at =
        linker
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new IllegalStateException("the C library has no " + name));
    return linker.downcallHandle(at, type, options);
  }
}
