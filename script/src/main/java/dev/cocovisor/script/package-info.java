/**
 * Call logs: the text that records, scripts and checks what a program asks of KVM. A line is parsed
 * into a {@link dev.cocovisor.script.LogCall} of small values, decoded into a typed call, carried
 * out on a modelled host, and its answer compared with the written one. Whatever a vendor adds
 * (memory-encryption commands, guest instructions) passes through as a name with named fields.
 */
@NullMarked
package dev.cocovisor.script;

import org.jspecify.annotations.NullMarked;
