/** Protected KVM on arm64 as a backend. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.pkvm;
