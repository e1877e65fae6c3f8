package dev.cocovisor.tck.witness;

/**
 * A hook the core called.
 *
 * @param name the kernel's name
 * @param gfn first guest frame, -1 where the hook has none
 * @param pages number of 4 KiB pages concerned
 * @param pfn first host frame, -1 where the hook has none
 * @param result the answer as text
 */
public record HookCall(String name, long gfn, long pages, long pfn, String result) {}
