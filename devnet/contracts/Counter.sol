// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A number that anybody may raise or set.
contract Counter {
    uint256 public count;

    event CountChanged(address indexed by, uint256 count);

    function increment() external {
        count += 1;
        emit CountChanged(msg.sender, count);
    }

    function setNumber(uint256 number) external {
        count = number;
        emit CountChanged(msg.sender, number);
    }
}
