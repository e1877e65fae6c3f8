/**
 * The calls of host and guest, one row each, and what carries them out. A call checks in the
 * module's order, takes its locks as it goes and gives all back at its end. Groups of calls that
 * work on one thing share a class, as the module's own files do.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.module.call;
