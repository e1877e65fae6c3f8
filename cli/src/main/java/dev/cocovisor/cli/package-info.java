/** The cocovisor command. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cli;
