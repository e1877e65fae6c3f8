/**
 * What the module and those who call it agree on: registers, completion statuses, operand ids, the
 * numbers of operation states, and what a processor tells its guest. Nothing here has state of its
 * own. Numbers are those of Intel's published headers, tag TDX_1.5.01.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.module.abi;
