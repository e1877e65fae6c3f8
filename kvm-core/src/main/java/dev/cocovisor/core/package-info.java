/** The generic half of KVM. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core;
