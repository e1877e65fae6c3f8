/** Intel TDX as a backend. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx;
