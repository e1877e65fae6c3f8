/**
 * Call logs derived from the text of Linux 7.3: each command's checks as a table in the kernel's
 * order, and programs that break one rule, or two at a time so that the order shows. The programs
 * are written to {@code conformance/tdx/rules-7.3.kvmlog.gz} and replayed. Nothing here asks the
 * model.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.logs;
